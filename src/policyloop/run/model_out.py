"""A model's way into files of other programs, for `policyloop export`.

Question answered: how does a model leave for a place where this program is not installed?
"""

from __future__ import annotations

from pathlib import Path

import safetensors.numpy

from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid
from policyloop.core.model import short
from policyloop.interop.model_parts import ModelParts, told_of
from policyloop.policy.network import Network
from policyloop.policy.predicted_states import network_of
from policyloop.registry.model_files import StoredModel
from policyloop.run.deployment import Deployment

MAKE_NETWORKS = ("bc", "cql", "cql_discrete", "dqn", "iql", "rebrac", "td3_bc")  # learners whose models can be written
_FAMILY, _POLICIES = "policyloop.interop.models", "policyloop.policy.policies"
_OUTSIDE = "onnx"  # kind of model and format of file: what another program made is kept as its file


def write_model(
    deployment: Deployment, loop: str, file: Path, *, file_format: str, name: str, is_stochastic: bool
) -> tuple[str, list[Path]]:
    """Write a model; answers its digest and the files.

    Args:
        name: a digest, the start of one, champion, previous or anchor.

    Raises:
        UnknownModel: the loop has no such model.
        Invalid: it is no network and no ONNX file, or a file cannot be written.
        MissingLibrary: the format needs a library that is not installed.
    """
    spec = deployment.registry.standing(loop).spec
    model = deployment.registry.find(spec.loop, name).model
    stored = deployment.registry.load(spec.loop, model)
    writer = plugins.load(_FAMILY, file_format)
    if stored.manifest.policy == _OUTSIDE:
        _check_outside(model, file_format, is_stochastic=is_stochastic)
        policy = plugins.load(_POLICIES, _OUTSIDE).load(stored.manifest.settings, safetensors.numpy.load(stored.tensors))
        made = writer.outside(policy, told_of(model, stored.manifest, spec))
    else:
        parts = ModelParts(_network(stored, model), model, stored.manifest, spec)
        made = writer.files(parts, is_stochastic=is_stochastic)
    return model, [_written(file.with_name(file.name + suffix), data) for suffix, data in made.items()]


def _network(stored: StoredModel, model: str) -> Network:
    """The network that a model asks."""
    network = network_of(stored.loaded())
    if network is not None:
        return network
    maker = stored.manifest.learner.get("name", "another program")
    told = (
        f"model {short(model)} was made by {maker}, which makes no network (its kind is {stored.manifest.policy}); "
        f"expected one that {', '.join(MAKE_NETWORKS[:-1])} or {MAKE_NETWORKS[-1]} made, or an ONNX file of another program."
    )
    raise Invalid([Fault("--model", told)])


def _check_outside(model: str, file_format: str, *, is_stochastic: bool) -> None:
    """What another program made is an ONNX file, and leaves as one."""
    if file_format != _OUTSIDE:
        told = f"model {short(model)} is an ONNX file of another program; expected `policyloop export onnx`."
        raise Invalid([Fault("--model", told)])
    if is_stochastic:
        told = f"model {short(model)} is an ONNX file of another program, which always does the same; leave --stochastic out."
        raise Invalid([Fault("--stochastic", told)])


def _written(file: Path, data: bytes) -> Path:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Invalid([Fault(str(file), f"cannot be written: {error.strerror}.", "unwritable")]) from None
    return file
