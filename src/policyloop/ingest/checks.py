"""The checks of one loop: everything that its payloads are held against, compiled once per spec."""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core.loop import LoopSpec
from policyloop.core.rng import salt_id
from policyloop.ingest.candidates import CandidatesCheck
from policyloop.ingest.context import ContextCheck
from policyloop.ingest.redact import Redaction, redaction_of


@dataclass(frozen=True, slots=True, eq=False)
class Checks:
    """A spec with what follows from it. Made by `checks_of`; immutable, so threads may share it."""

    spec: LoopSpec
    salt: bytes  # the deployment's key for draws and hashes; never leaves it
    salt_id: str
    context: ContextCheck
    redaction: Redaction | None
    candidates: CandidatesCheck  # for loops whose callers bring the actions along
    is_plain: bool  # decisions stand alone and actions have names: neither episodes nor numbers to look after


def checks_of(spec: LoopSpec, *, salt: bytes) -> Checks:
    """Compile a spec; takes a millisecond or so, and is done when the spec changes."""
    return Checks(
        spec=spec,
        salt=salt,
        salt_id=salt_id(salt),
        context=ContextCheck(spec.context, as_states=spec.episodes is not None),
        redaction=redaction_of(spec, salt=salt),
        candidates=CandidatesCheck(spec),
        is_plain=spec.episodes is None and not spec.has_box,
    )
