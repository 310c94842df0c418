"""Policyloop makes decisions for other software, learns from what came of them, and swaps policies only through a gate.

The rooms, in the order of the data's way; each imports `core`, `storage`, `sandbox` and rooms before it, none after it:

    core        the nouns; imports nothing of ours
    storage     bytes at rest: objects and records
    sandbox     what is not trusted runs here
    ingest      payload -> event
    log         event -> append-only truth
    lake        segments -> tables with snapshots
    join        decisions + outcomes -> examples
    policy      context + actions -> a probability per action
    learn       examples -> model
    evaluate    policy + examples -> estimates
    gate        estimates -> verdict
    registry    models + verdicts -> champion
    serve       context -> decision
    simulate    worlds with known truth
    interop     formats and protocols of other systems
    run         where and when work runs
    care        the whole house looked after
    server      HTTP
    console     web pages
    cli         commands

`client` (the SDK) and `testing` (for the tests of others) stand apart. ARCHITECTURE.md tells the same story at length.
The public names below are looked up when they are first used, so that a command that needs one does not load them all.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policyloop.care.doctor.diagnose import diagnose
    from policyloop.client import Answer, AsyncClient, Client, ClientError, Receipt, Refused, Unavailable
    from policyloop.core.errors import PolicyloopError
    from policyloop.core.estimate import Estimate
    from policyloop.core.event import Decision, Outcome
    from policyloop.core.example import ExampleBatch, Examples
    from policyloop.core.loop import LoopSpec
    from policyloop.core.model import Manifest
    from policyloop.core.policy import Actions, Explorer, Learner, Policy, RewardModel
    from policyloop.core.spec_file import read_spec_file
    from policyloop.run.edge import Decider
    from policyloop.run.loop import Loop

__version__ = "0.1.0"

__all__ = [
    "Actions",
    "Answer",
    "AsyncClient",
    "Client",
    "ClientError",
    "Decider",
    "Decision",
    "Estimate",
    "ExampleBatch",
    "Examples",
    "Explorer",
    "Learner",
    "Loop",
    "LoopSpec",
    "Manifest",
    "Outcome",
    "Policy",
    "PolicyloopError",
    "Receipt",
    "Refused",
    "RewardModel",
    "Unavailable",
    "diagnose",
    "read_spec_file",
]

_NAMES_OF_MODULE = {
    "policyloop.care.doctor.diagnose": ("diagnose",),
    "policyloop.client": ("Answer", "AsyncClient", "Client", "ClientError", "Receipt", "Refused", "Unavailable"),
    "policyloop.core.errors": ("PolicyloopError",),
    "policyloop.core.estimate": ("Estimate",),
    "policyloop.core.event": ("Decision", "Outcome"),
    "policyloop.core.example": ("ExampleBatch", "Examples"),
    "policyloop.core.loop": ("LoopSpec",),
    "policyloop.core.model": ("Manifest",),
    "policyloop.core.policy": ("Actions", "Explorer", "Learner", "Policy", "RewardModel"),
    "policyloop.core.spec_file": ("read_spec_file",),
    "policyloop.run.edge": ("Decider",),
    "policyloop.run.loop": ("Loop",),
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULE.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, from the module that holds it."""
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module 'policyloop' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULE_OF_NAME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
