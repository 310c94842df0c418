"""A choice in short: what a terminal shows after a training run, where the whole record would be a page of prose.

Question answered: which checkpoint was taken, what is expected of it beside what its history returned, what is doubted, and
what comes next? The sentences with all their reasons are kept with the model.
"""

from __future__ import annotations

from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.evaluate.choice import Choice
from policyloop.learn.offline import goes_on

_BY = {
    "peak": "where the expected return was highest",
    "last": "the last one",
    "fitted": "by its fitted values",
    "none": "as it is",
}


def in_short(choice: Choice, *, model: str, n: int, spec: LoopSpec) -> tuple[str, ...]:
    """A few lines on a model that was chosen offline.

    Args:
        choice: that was made.
        model: its digest.
        n: how many transitions it learned from.
        spec: of the loop.
    """
    lines = [
        f"model {short(model)} from {n:,} transitions: OFFLINE-CHOSEN.",
        f"Taken: the checkpoint after {choice.n_updates or 0:,} updates, {_BY[choice.rule]}.",
        *_expected(choice, spec),
    ]
    if choice.doubts:
        lines.append(f"Doubts: {', '.join(doubt.kind.replace('_', ' ') for doubt in choice.doubts)}.")
    lines.append(f"`policyloop models {spec.loop} {short(model)}` says why.")
    if goes_on(spec):
        return (*lines, f"Next: `policyloop line {spec.loop}` tells how the line goes on.")
    return (*lines, f"Next: `policyloop challenge {spec.loop} --model {short(model)}` lets it prove itself.")


def _expected(choice: Choice, spec: LoopSpec) -> list[str]:
    """What an episode returns, by those who were asked; nothing where nobody was."""
    whose = {"estimate_own": "by its own word", "estimate_fqe": "by fqe", "estimate_history": "in its history"}
    told = [f"{choice.numbers[name]:.4g} {who}" for name, who in whose.items() if choice.numbers.get(name) is not None]
    return [f"Return of an episode, {_unit(spec)}: {', '.join(told)}."] if told else []


def _unit(spec: LoopSpec) -> str:
    """In what returns are told here; SQL and `policyloop line` count them without a discount."""
    discount = 1.0 if spec.episodes is None else spec.episodes.discount
    return "as counted" if discount == 1.0 else f"discounted by {discount:g} a step"
