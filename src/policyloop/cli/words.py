"""How commands say things: times, ages, model names and counts, the same everywhere."""

from __future__ import annotations

from typing import Any

import msgspec

from policyloop.core.clock import US_PER_S, iso
from policyloop.core.loop import LoopSpec
from policyloop.gate.verdict import to_json
from policyloop.registry.loop_rows import LoopRow
from policyloop.registry.verdict_rows import VerdictRow

_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def age(time_us: int, now_us: int) -> str:
    """How long ago, in the largest unit that fits: `3 h ago`."""
    seconds = max(0, (now_us - time_us) // US_PER_S)
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "now"


def moment(time_us: int) -> str:
    """A time to the second, UTC: `2026-11-01 07:30:05`."""
    return iso(time_us)[:19].replace("T", " ")


def counted(n: int, noun: str) -> str:
    """`1 field`, `3 fields`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def actions_in_words(spec: LoopSpec) -> str:
    """`3 actions`, `1 label part and 2 numbers`, or `candidates` where the caller brings them along."""
    if spec.is_candidates:
        return "candidates"
    if not spec.has_box:
        return counted(len(spec.labels), "action")
    numbers, choices = counted(len(spec.actions.box), "number"), spec.actions.choices
    return f"{counted(len(choices), 'label part')} and {numbers}" if choices else numbers


def standing_as_map(row: LoopRow) -> dict[str, Any]:
    """What holds in a loop now, as scripts get it; the names are those of `status --json`."""
    return {
        "loop": row.loop,
        "champion": row.champion,
        "previous": row.previous,
        "anchor": row.anchor,
        "is_paused": row.is_paused,
        "is_frozen": row.is_frozen,
    }


def verdict_as_map(row: VerdictRow) -> dict[str, Any]:
    """A verdict as scripts get it."""
    return {"id": row.id, "at": iso(row.at), **msgspec.json.decode(to_json(row.verdict))}
