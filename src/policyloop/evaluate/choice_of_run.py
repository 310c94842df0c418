"""Choosing among training runs: which of several attempts is to be published, each by the checkpoint chosen in it.

Question answered: which settings learned most from the history? Never those with the smallest TD error: an expected return that
has collapsed to nothing has next to none. Runs that broke down or collapsed are out; of the others those that do not underfit
come first, and among these the lower end of a fitted value decides, or, where there is none, the expected return on held-out
episodes, which is comparable only between runs that are equally conservative.
Source: Kumar, Singh, Tian, Finn & Levine 2021 (arXiv:2109.10813). The mistake is one of an earlier system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policyloop.core.errors import Fault, Invalid
from policyloop.core.estimate import Estimate
from policyloop.evaluate.choice import Choice, choose
from policyloop.evaluate.curves import Curve
from policyloop.evaluate.history import Doubt, HistoryFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOfRun:
    """Which run, which of its checkpoints, and what was said of the others."""

    run: str | None  # None: none of them has a checkpoint that could be chosen
    choices: Mapping[str, Choice]  # of every run
    sentences: tuple[str, ...]

    @property
    def choice(self) -> Choice | None:
        """The checkpoint of the run that was chosen."""
        return None if self.run is None else self.choices[self.run]

    def to_json(self) -> dict[str, Any]:
        """The record."""
        choices = {run: choice.to_json() for run, choice in self.choices.items()}
        return {"run": self.run, "choices": choices, "sentences": list(self.sentences)}


def choose_run(
    runs: Mapping[str, Curve],
    *,
    history: HistoryFacts,
    fitted: Mapping[str, Mapping[int, Estimate]] | None = None,
    doubts: Sequence[Doubt] = (),
) -> ChoiceOfRun:
    """Choose one of several runs on the same history, and a checkpoint of it.

    Args:
        runs: name -> its curve, as in `choose`.
        history: what all of them learned from.
        fitted: run -> n_updates -> value of that checkpoint's policy by an estimator of sequences.
        doubts: further ones of all of them.

    Raises:
        Invalid: there is no run, or a curve cannot be read.
    """
    if not runs:
        raise Invalid([Fault("runs", "is empty; expected a curve for every run.")])
    given = fitted or {}
    choices = {run: choose(curve, history=history, fitted=given.get(run), doubts=doubts) for run, curve in runs.items()}
    able = [run for run, choice in choices.items() if choice.place is not None]
    if not able:
        told = ("No run has a checkpoint that could be chosen.",)
        return ChoiceOfRun(run=None, choices=choices, sentences=told)
    is_fitted = all(choices[run].n_updates in given.get(run, {}) for run in able)
    worth = {run: _worth(choices[run], given.get(run, {}), is_fitted=is_fitted) for run in able}
    best = max(able, key=lambda run: (not choices[run].is_underfitting, worth[run]))
    by = "the lower end of the fitted value" if is_fitted else "the expected return on episodes that it did not learn from"
    sentences = [
        f"Run {best} is taken, at {choices[best].n_updates:,} updates: by {by}, {worth[best]:.4g}, it is the best of "
        f"{len(able)} that can be chosen, out of {len(runs)}.",
        *_of_smallest_error(runs, best),
    ]
    if not is_fitted and len(able) > 1:
        sentences.append("Expected returns compare only runs that are equally conservative; fitted values compare any.")
    return ChoiceOfRun(run=best, choices=choices, sentences=tuple(sentences))


def _worth(choice: Choice, fitted: Mapping[int, Estimate], *, is_fitted: bool) -> float:
    """What the run's chosen checkpoint is compared by."""
    assert choice.n_updates is not None
    if is_fitted:
        return fitted[choice.n_updates].interval()[0]
    told = choice.numbers.get("held_out_q_mean", choice.numbers.get("q_mean"))
    return float("-inf") if told is None else told


def _of_smallest_error(runs: Mapping[str, Curve], best: str) -> list[str]:
    """That the smallest TD error did not decide, where it belongs to another run."""
    errors = {run: curve[-1]["td_error"] for run, curve in runs.items() if "td_error" in curve[-1]}
    smallest = min(errors, key=lambda run: errors[run], default=best)
    if smallest == best or best not in errors:
        return []
    return [
        f"Run {smallest} ends with the smallest TD error, {errors[smallest]:.3g} beside {errors[best]:.3g}; that is no ground "
        f"to take it: the less a run expects of anything, the smaller is its error."
    ]
