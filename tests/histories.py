"""Small histories of episodes, in columns, for tests of what imports them: the carts of tests/carts.py once more."""

import pyarrow as pa

from carts import CART
from policyloop.core.spec_file import read_spec
from policyloop.lake.episode_history import history_schema

SPEC = read_spec(
    {
        **CART,
        "context": {"x": {"type": "number", "min": -50, "max": 50}, "wind": {"type": "number", "optional": True}},
        "outcomes": {"paid": {"type": "number", "min": 0, "max": 9}},
        "reward": {"expression": "next.x + paid", "range": [-100, 100], "window": "10m"},
    }
)


def a_row(step, *, episode="e1", x=None, **fields):
    """A step of the cart, at 10 * step unless told otherwise."""
    values = {
        "episode_id": episode,
        "step": step,
        "context": {"x": 10.0 * step if x is None else x, "wind": None},
        "action": [],
        "action_value": [0.5],
        "propensity": 0.5,
        "propensity_kind": "density",
        "action_source": "expert",
        "terminated": False,
        "truncated": False,
    }
    return values | fields


def the_last(step, *, episode="e1", x=None):
    """The context that an episode ended in."""
    return a_row(
        step, episode=episode, x=x, action=None, action_value=None, propensity=None, propensity_kind=None, action_source=None
    )


def a_history(rows, *, spec=SPEC):
    """The rows as a table."""
    return pa.Table.from_pylist(rows, schema=history_schema(spec))


def two_episodes():
    """One that terminated after two steps, and one that was truncated after one."""
    return [
        a_row(0, outcomes={"paid": 2.0}),
        a_row(1, terminated=True),
        the_last(2),
        a_row(0, episode="e2", x=1.0, truncated=True),
        the_last(1, episode="e2", x=4.0),
    ]
