"""A model's way into files of other programs, for `policyloop export`.

Question answered: how does a model leave for a place where this program is not installed?
"""

from __future__ import annotations

from pathlib import Path

from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid
from policyloop.core.model import short
from policyloop.interop.model_parts import ModelParts
from policyloop.policy.predicted_states import network_of
from policyloop.run.deployment import Deployment

MAKE_NETWORKS = ("bc", "cql", "cql_discrete", "dqn", "iql", "rebrac", "td3_bc")  # learners whose models can be written
_FAMILY = "policyloop.interop.models"


def write_model(
    deployment: Deployment, loop: str, file: Path, *, file_format: str, name: str, is_stochastic: bool
) -> tuple[str, list[Path]]:
    """Write a model; answers its digest and the files.

    Args:
        name: a digest, the start of one, champion, previous or anchor.

    Raises:
        UnknownModel: the loop has no such model.
        Invalid: it is no network, or a file cannot be written.
        MissingLibrary: the format needs a library that is not installed.
    """
    spec = deployment.registry.standing(loop).spec
    model = deployment.registry.find(spec.loop, name).model
    stored = deployment.registry.load(spec.loop, model)
    network = network_of(stored.loaded())
    if network is None:
        maker = stored.manifest.learner.get("name", "another program")
        told = (
            f"model {short(model)} was made by {maker}, which makes no network (its kind is {stored.manifest.policy}); "
            f"expected one that {', '.join(MAKE_NETWORKS[:-1])} or {MAKE_NETWORKS[-1]} made."
        )
        raise Invalid([Fault("--model", told)])
    parts = ModelParts(network, model, stored.manifest, spec)
    made = plugins.load(_FAMILY, file_format).files(parts, is_stochastic=is_stochastic)
    return model, [_written(file.with_name(file.name + suffix), data) for suffix, data in made.items()]


def _written(file: Path, data: bytes) -> Path:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Invalid([Fault(str(file), f"cannot be written: {error.strerror}.", "unwritable")]) from None
    return file
