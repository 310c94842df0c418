"""Learning settings ("policy"): a name and command-line arguments of Vowpal Wabbit, kept as the client sent them.

Question answered: are these arguments what the service would have taken, and what do they mean for the loop? Where its learner
is `vw` they are that learner's arguments. Any other learner learns in its own way, whatever they say: then they are kept, so
that what a client sets is what it reads.
"""

from __future__ import annotations

import re

from policyloop.core.errors import Fault
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.interop.personalizer.refusals import Misfit
from policyloop.interop.personalizer.wire import PolicyContract

KIND, NAME = "personalizer/policy", "current"
VW = "vw"  # the learner whose arguments these are
DEFAULT = PolicyContract("default", "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type mtr -q ::")
MAX_NAME_CHARS = 256
MAX_ARGUMENTS_CHARS = 1024
_MODE = "--cb_explore_adf"
_OTHER_MODES = ("--ccb_explore_adf", "--cats")
_FILES = ("-d", "-f", "-i", "--id")  # each with a value; the service took them out
_SAID_ELSEWHERE = (_MODE, "--dsjson")
_EPSILON = re.compile(r"--epsilon(\s+|=)\S+")


def checked(sent: PolicyContract, *, code: str = "InvalidPolicyConfiguration") -> PolicyContract:
    """The settings without what names files.

    Raises:
        Misfit: a name or arguments that cannot be.
    """
    faults: list[Fault] = []
    words = sent.arguments.split()
    if not 1 <= len(sent.name) <= MAX_NAME_CHARS:
        faults.append(Fault("$.name", f"has {len(sent.name):,} characters; expected 1 to {MAX_NAME_CHARS}."))
    if len(sent.arguments) > MAX_ARGUMENTS_CHARS:
        message = f"has {len(sent.arguments):,} characters; expected at most {MAX_ARGUMENTS_CHARS}."
        faults.append(Fault("$.arguments", message))
    elif any(word in _OTHER_MODES for word in words):
        message = f"has {' or '.join(_OTHER_MODES)}; expected {_MODE}: several slots and continuous actions come later."
        faults.append(Fault("$.arguments", message))
    elif _MODE not in words:
        faults.append(Fault("$.arguments", f"is missing {_MODE}; expected it among the arguments."))
    if faults:
        raise Misfit(code, faults)
    return PolicyContract(sent.name, " ".join(_without_files(words)))


def shown(kept: PolicyContract | None, spec: LoopSpec) -> PolicyContract:
    """The settings as they hold: the share that explores is the service configuration's."""
    settings = kept or DEFAULT
    epsilon = f"--epsilon {spec.explore.floor:g}"
    if spec.learner.name == VW:
        own = str(spec.learner.settings.get("arguments", ""))
        return PolicyContract(settings.name, " ".join(part for part in (_MODE, epsilon, own) if part))
    return PolicyContract(settings.name, _EPSILON.sub(epsilon, settings.arguments))


def applied(spec: LoopSpec, settings: PolicyContract) -> LoopSpec:
    """The loop's spec under the settings: another one only where its learner is `vw`."""
    if spec.learner.name != VW:
        return spec
    words = _EPSILON.sub("", settings.arguments).split()
    document = to_mapping(spec)
    document["learner"]["arguments"] = " ".join(word for word in words if word not in _SAID_ELSEWHERE)
    return read_spec(document)


def _without_files(words: list[str]) -> list[str]:
    named = [place for place, word in enumerate(words) if word in _FILES]
    gone = {*named, *(place + 1 for place in named)}
    return [word for place, word in enumerate(words) if place not in gone]
