"""What a task computes where it runs, for tests of runners."""

import time


def placed(part):
    """The square, and the node that it was computed on."""
    import ray  # noqa: PLC0415

    time.sleep(0.3)
    return part**2, ray.get_runtime_context().get_node_id()
