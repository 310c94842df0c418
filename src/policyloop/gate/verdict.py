"""A verdict: what the gate decided about a model, with a reason per rule in words and in numbers.

Question answered: may this model go live, or stay live, and why? A verdict is a value: it can be written as JSON, read
back and recomputed by another process from the same examples and models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

import msgspec

from policyloop.core.estimate import Estimate

Number = float | None  # None: not known or infinite, which JSON cannot say
# `promote`, `rollback` and `unfreeze` come from a person.
Kind = Literal["refresh", "watch", "hold-out", "challenge", "freeze", "unfreeze", "promote", "rollback"]


class Call(StrEnum):
    """What is to be done with the model."""

    PROMOTE = "PROMOTE"
    RETIRE = "RETIRE"  # it was judged, and is not wanted
    INCONCLUSIVE = "INCONCLUSIVE"  # nothing can be said; all stays as it is
    REFUSE = "REFUSE"  # it does not work, so nothing was judged
    ROLLBACK = "ROLLBACK"  # of the model that is live


# Where rules disagree, the first of these that any of them calls for is the verdict.
_STRICTEST = (Call.ROLLBACK, Call.REFUSE, Call.RETIRE, Call.INCONCLUSIVE, Call.PROMOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one rule says: in a sentence for people, and in the numbers that the sentence rests on."""

    name: str  # of the rule or check, as in YAML
    call: Call  # PROMOTE when the rule has nothing against the model
    sentence: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    is_check: bool = False  # whether it asks only that the model works, or that nothing else gets worse

    @property
    def is_passed(self) -> bool:
        """Whether the rule has nothing against the model."""
        return self.call == Call.PROMOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gate's decision about one model at one look."""

    kind: Kind
    call: Call
    model: str  # digest of the model that was judged
    champion: str | None  # what it was judged against, None: the baseline; for watch and rollback the one to go back to
    anchor: str | None
    reasons: tuple[Reason, ...]
    n_evidence: int = 0  # evaluation examples that were looked at
    evidence_until: int | None = None  # decided_at of the newest of them, microseconds since 1970 UTC
    estimates: Mapping[str, Estimate] = field(default_factory=dict)  # challenger, champion, baseline, difference

    @property
    def sentence(self) -> str:
        """Why, in one line: what those rules say that called for this verdict.

        That a model works, and that nothing else gets worse, is no reason to promote it.
        """
        is_check_told = self.call != Call.PROMOTE
        told = [r for r in self.reasons if r.call == self.call and (is_check_told or not r.is_check)]
        return " ".join(reason.sentence for reason in told)


def held_back(verdict: Verdict, *, why: str) -> Verdict:
    """The same verdict where PROMOTE did not take effect: INCONCLUSIVE, with one more reason."""
    reason = Reason(name="held-back", call=Call.INCONCLUSIVE, sentence=why)
    return replace(verdict, call=Call.INCONCLUSIVE, reasons=(*verdict.reasons, reason))


def verdict_of(reasons: tuple[Reason, ...]) -> Call:
    """The strictest call of all reasons; INCONCLUSIVE when there are none."""
    calls = {reason.call for reason in reasons}
    return next((call for call in _STRICTEST if call in calls), Call.INCONCLUSIVE)


def by_person(
    call: Literal[Call.PROMOTE, Call.ROLLBACK], *, model: str, champion: str | None, anchor: str | None, why: str
) -> Verdict:
    """The verdict of a person who promotes a model, or rolls one back.

    Args:
        call: what the person wants.
        model: the model to promote, or the champion to roll back.
        champion: who is champion now, for a promotion; who will be, for a rollback.
        anchor: the anchor now.
        why: the person's own words.
    """
    done = "promoted" if call == Call.PROMOTE else "rolled back"
    reason = Reason(name="person", call=call, sentence=f"{done} by a person: {why}")
    kind: Kind = "promote" if call == Call.PROMOTE else "rollback"
    return Verdict(kind=kind, call=call, model=model, champion=champion, anchor=anchor, reasons=(reason,))


def number(value: float) -> Number:
    """The value as JSON can say it."""
    return float(value) if math.isfinite(value) else None


def to_json(verdict: Verdict) -> bytes:
    """The verdict as JSON; numbers that are infinite or unknown are null."""
    return msgspec.json.encode(
        {
            "kind": verdict.kind,
            "verdict": verdict.call,
            "model": verdict.model,
            "champion": verdict.champion,
            "anchor": verdict.anchor,
            "reasons": [_reason_as_map(reason) for reason in verdict.reasons],
            "n_evidence": verdict.n_evidence,
            "evidence_until": verdict.evidence_until,
            "estimates": {name: msgspec.to_builtins(estimate) for name, estimate in verdict.estimates.items()},
        }
    )


def from_json(text: bytes | str) -> Verdict:
    """The inverse of `to_json`."""
    raw: dict[str, Any] = msgspec.json.decode(text)
    reasons = [
        Reason(name=r["name"], call=Call(r["verdict"]), sentence=r["sentence"], numbers=r["numbers"], is_check=r["is_check"])
        for r in raw["reasons"]
    ]
    return Verdict(
        kind=raw["kind"],
        call=Call(raw["verdict"]),
        model=raw["model"],
        champion=raw["champion"],
        anchor=raw["anchor"],
        reasons=tuple(reasons),
        n_evidence=raw["n_evidence"],
        evidence_until=raw["evidence_until"],
        estimates={name: _estimate_of(numbers) for name, numbers in raw["estimates"].items()},
    )


def _reason_as_map(reason: Reason) -> dict[str, Any]:
    return {
        "name": reason.name,
        "verdict": reason.call,
        "passed": reason.is_passed,
        "sentence": reason.sentence,
        "numbers": dict(reason.numbers),
        "is_check": reason.is_check,
    }


def _estimate_of(numbers: Mapping[str, Any]) -> Estimate:
    """An estimate from JSON, where an unknown value and an infinite error are null."""
    value, stderr = numbers["value"], numbers["stderr"]
    return Estimate(
        estimator=numbers["estimator"],
        value=math.nan if value is None else value,
        stderr=math.inf if stderr is None else stderr,
        n=numbers["n"],
        ess=numbers["ess"],
    )
