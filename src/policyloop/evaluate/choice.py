"""Choosing a checkpoint offline: from the curves of the training run and the history alone, never from the environment.

Question answered: which checkpoint of a run is to be published, and why? If the expected return on the data rises and then
falls, the run overfits and the peak is taken; if errors stay high it underfits, which is said; else it is the last one. An
expected return that collapsed, or that no return can reach, is no ground for a choice, however small its error. Fitted values
of the checkpoints, where there are some, overrule the curves only where their intervals leave no doubt.
Source: Kumar, Singh, Tian, Finn & Levine 2021 (arXiv:2109.10813).
Letters: c checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from policyloop.core.estimate import Estimate
from policyloop.evaluate import curves
from policyloop.evaluate.curves import Curve, Peak
from policyloop.evaluate.history import Doubt, HistoryFacts

COLLAPSED = 0.1  # of what the history's own returns usually differ by: one that tells less apart has let go of the data
UNDER_WAY = 0.5  # of the way from the first checkpoint to the history's own returns: one that still moves has not got there
_STEADY = 0.5  # of an even pace: one that comes down at less is levelling off above the history, as learning from costs does

Rule = Literal["peak", "last", "fitted", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which checkpoint, and the reasons in sentences that name their numbers. What the model's manifest keeps."""

    n_updates: int | None  # of the checkpoint chosen; None: there is none to choose
    place: int | None  # of the checkpoint in the curve
    rule: Rule  # what decided: the peak of the expected return, the last checkpoint, or fitted values
    is_underfitting: bool  # more capacity or steps are worth trying
    is_supported: bool  # whether the history is enough to choose by
    sentences: tuple[str, ...]
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()

    @property
    def is_made(self) -> bool:
        """Whether there is a checkpoint that may be called offline-chosen."""
        return self.n_updates is not None and self.is_supported

    def to_json(self) -> dict[str, Any]:
        """The record."""
        return asdict(self)

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> Choice:
        """The inverse of `to_json`, also of what went through JSON."""
        doubts = tuple(Doubt(**doubt) for doubt in told["doubts"])
        return Choice(**{**told, "sentences": tuple(told["sentences"]), "doubts": doubts})


def choose(
    curve: Curve,
    *,
    history: HistoryFacts | None = None,
    fitted: Mapping[int, Estimate] | None = None,
    doubts: Sequence[Doubt] = (),
) -> Choice:
    """Choose a checkpoint of one run.

    Args:
        curve: what `EpisodeLearner.diagnose` gave at every checkpoint, with `n_updates`, in order.
        history: what the run learned from; None: nothing is known of it, and that is said.
        fitted: n_updates -> value of that checkpoint's policy by an estimator of sequences, of as many as there are.
        doubts: further ones, such as that there is no overlap.

    Raises:
        Invalid: the curve is empty, or its checkpoints are not in order.
    """
    updates = curves.checked(curve)
    all_doubts = (*(history.doubts if history else (_no_history(),)), *_doubts_of(curve), *doubts)
    eligible, told = _eligible(curve, history)
    numbers: dict[str, float | None] = {"checkpoints": float(len(curve)), "sound": float(len(eligible))}
    if not eligible:
        return _choice(curve, None, "none", told, numbers, all_doubts)
    sound = [curve[i] for i in eligible]
    if not curves.tells_what_it_expects(sound):
        last = int(curve[eligible[-1]]["n_updates"])
        why = f"The run says nothing of the returns that it expects: the last checkpoint is taken, after {last:,} updates."
        numbers |= {name: float(value) for name, value in curve[eligible[-1]].items()}
        return _choice(curve, eligible[-1], "last", [*told, why], numbers, all_doubts)
    inner, rule, why = _by_shape(sound)
    place, sentences = eligible[inner], [*told, why]
    lacks = _underfit(sound, history)
    sentences += lacks
    if fitted:
        place, rule, told_of_fit = _by_fit(place, rule, {i: fitted[int(updates[i])] for i in eligible if updates[i] in fitted})
        sentences += told_of_fit
    sentences += _beside_history(curve[place], history)
    numbers |= {name: float(value) for name, value in curve[place].items()}
    return _choice(curve, place, rule, sentences, numbers, all_doubts, is_underfitting=bool(lacks))


def newest(curve: Curve, *, history: HistoryFacts) -> Choice:
    """The last sound checkpoint, whatever its curve looks like: of a line whose versions are tried by playing them.

    Expected returns close to nothing are no collapse there: at the start of a game that is all there is to expect. What the
    history cannot support is still said, and forbids nothing.

    Args:
        curve: as of `choose`.
        history: what the run learned from.

    Raises:
        Invalid: the curve is empty, or its checkpoints are not in order.
    """
    curves.checked(curve)
    doubts = [replace(doubt, is_blocking=False) for doubt in history.doubts]
    n = curves.n_sound(curve, largest=history.largest_value)
    told = [_broke_down(curve[n], history.largest_value)] if n < len(curve) else []
    numbers: dict[str, float | None] = {"checkpoints": float(len(curve)), "sound": float(n)}
    if not n:
        return _choice(curve, None, "none", told, numbers, doubts)
    last = curve[n - 1]
    told.append(
        f"What a version of a line is worth shows when it plays: the last checkpoint is taken, after "
        f"{last['n_updates']:,.0f} updates, where the expected return on the data is {last['q_mean']:.4g}."
    )
    numbers |= {name: float(value) for name, value in last.items()}
    return _choice(curve, n - 1, "last", told, numbers, doubts)


def _choice(
    curve: Curve,
    place: int | None,
    rule: Rule,
    sentences: Sequence[str],
    numbers: Mapping[str, float | None],
    doubts: Sequence[Doubt],
    *,
    is_underfitting: bool = False,
) -> Choice:
    is_supported = not any(doubt.is_blocking for doubt in doubts)
    refused = [] if is_supported else ["The history cannot support a choice."]
    return Choice(
        n_updates=None if place is None else int(curve[place]["n_updates"]),
        place=place,
        rule=rule,
        is_underfitting=is_underfitting,
        is_supported=is_supported,
        sentences=(*refused, *(doubt.sentence for doubt in doubts), *sentences),
        numbers={name: value if value is None or np.isfinite(value) else None for name, value in numbers.items()},
        doubts=tuple(doubts),
    )


def _eligible(curve: Curve, history: HistoryFacts | None) -> tuple[list[int], list[str]]:
    """Which checkpoints can be chosen at all, and what is wrong with the others."""
    largest = history.largest_value if history else np.inf
    n, told = curves.n_sound(curve, largest=largest), []
    if n < len(curve):
        told.append(_broke_down(curve[n], largest))
    sound = curve[:n]
    collapsed = [i for i, point in enumerate(sound) if is_collapsed(point, history)]
    if collapsed and collapsed[-1] == n - 1:
        has_begun = len(collapsed) < n or not _moves(sound)
        told.append(_collapsed(sound[-1], history) if has_begun else _not_begun(sound[-1], history))
    first = next((i for i in range(n) if i not in collapsed), n)
    last = next((i for i in range(n)[::-1] if i not in collapsed), -1)
    return [i for i in range(first, last + 1) if i not in collapsed], told


def is_collapsed(point: Mapping[str, float], history: HistoryFacts | None) -> bool:
    """Whether a checkpoint expects nearly the same of everything: its TD error is small then, and means nothing.

    Rows differ by less than a tenth of the standard deviation of the history's own returns, whatever sign or level these
    have. Of a run that does not tell its lowest and highest expectation that is not known: it has let go where the history
    returned something above nothing, and less than a tenth of it is expected.
    """
    if history is None or not np.isfinite(history.mean_value) or "q_mean" not in point:
        return False
    apart = _apart(point)
    if apart is not None and history.value_deviation > 0:
        return apart < COLLAPSED * history.value_deviation
    return abs(point["q_mean"]) < COLLAPSED * history.mean_value


def _apart(point: Mapping[str, float]) -> float | None:
    """How far the rows of which most and least is expected are apart; None where the run does not tell."""
    return point["q_max"] - point["q_min"] if "q_min" in point and "q_max" in point else None


def _by_shape(sound: Curve) -> tuple[int, Rule, str]:
    """The checkpoint by the shape of the expected return, on the data first, then on held-out episodes."""
    for name, where in (("q_mean", "the data"), ("held_out_q_mean", "held-out episodes")):
        values = curves.series(sound, name)
        if values is not None and np.isfinite(values).all() and (peak := curves.peak_of(values)) is not None:
            return peak.place, "peak", _overfit(sound, peak, where)
    last = sound[-1]
    return (
        len(sound) - 1,
        "last",
        f"The expected return on the data does not rise and then fall: the last checkpoint is taken, after "
        f"{last['n_updates']:,.0f} updates, where it is {last['q_mean']:.4g}.",
    )


def _overfit(sound: Curve, peak: Peak, where: str) -> str:
    at, until = sound[peak.place]["n_updates"], sound[-1]["n_updates"]
    return (
        f"The expected return on {where} rose from {peak.start:.4g} to {peak.top:.4g} after {at:,.0f} updates and fell to "
        f"{peak.end:.4g} after {until:,.0f}: the run overfits, and the peak is taken."
    )


def _underfit(sound: Curve, history: HistoryFacts | None) -> list[str]:
    """What stays high, or is still on its way."""
    told = _on_its_way(sound, history)
    if (error := curves.high_error(sound)) is not None:
        told.append(f"the root of the TD error is still {100 * error:.3g} % of the expected return's size")
    if (term := curves.high_term(sound)) is not None:
        told.append(f"the conservative term still has {100 * term:.3g} % of that size" if told else _of_term(term))
    if not told:
        return []
    said = " and ".join(told)
    return [f"{said[0].upper()}{said[1:]}: the run underfits; try more capacity (width, depth) or more steps."]


def _on_its_way(sound: Curve, history: HistoryFacts | None) -> list[str]:
    """That the expected return still moves towards the history's own, of which it is less than half the way there.

    What moves away from them, or levels off above them, is no lack: that is a policy that does better than its history.
    """
    if history is None or not np.isfinite(history.mean_value):
        return []
    first, last, there = sound[0]["q_mean"], sound[-1]["q_mean"], history.mean_value
    is_near = abs(there - last) <= COLLAPSED * history.value_deviation
    share = (last - first) / (there - first) if there != first else 1.0
    if is_near or not 0 <= share < UNDER_WAY or not _moves(sound):
        return []
    of_returns = last / there if there != 0 else 1.0
    if 0 <= of_returns < UNDER_WAY and (len(sound) > 1 or there > 0):  # of one checkpoint of costs nobody knows where it goes
        grows = ", and still grows" if len(sound) > 1 else ""
        return [f"the expected return has come to {100 * of_returns:.3g} % of the history's own returns{grows}"]
    if len(sound) == 1:
        return []
    return [
        f"the expected return has moved from {first:.4g} to {last:.4g}, {100 * share:.3g} % of the way to the history's own "
        f"returns, {there:.4g}, and still moves"
    ]


def _moves(sound: Curve) -> bool:
    """Whether the last quarter still goes on in the direction of the whole; of one checkpoint nobody knows.

    One that rises does so until it has levelled off. One that falls may level off anywhere, so it moves while it keeps pace.
    """
    q, n_steps = [point["q_mean"] for point in sound], len(sound) - 1
    if n_steps == 0:
        return True
    quarter, way = max(n_steps // 4, 1), q[-1] - q[0]
    least = curves.FALL if way > 0 else _STEADY * quarter / n_steps
    return way != 0 and (q[-1] - q[-1 - quarter]) / way > least


def _of_term(term: float) -> str:
    return f"the conservative term still has {100 * term:.3g} % of the expected return's size"


def _by_fit(place: int, rule: Rule, fitted: Mapping[int, Estimate]) -> tuple[int, Rule, list[str]]:
    """What fitted values say beside the curves; they overrule where the best at its worst beats the chosen at its best."""
    if not fitted:
        return place, rule, []
    best = max(fitted, key=lambda i: fitted[i].value)
    told_best = _told(fitted[best])
    if place not in fitted:
        return place, rule, [f"Fitted values are there of other checkpoints alone; the best of them is {told_best}."]
    mine = fitted[place]
    if best != place and fitted[best].interval()[0] > mine.interval()[1]:
        sentence = (
            f"Fitted values overrule the curves: {_told(mine)} for that checkpoint, and {told_best} for the one that is taken "
            f"instead."
        )
        return best, "fitted", [sentence]
    return (
        place,
        rule,
        [f"The fitted value of the chosen checkpoint is {_told(mine)}; the best of {len(fitted)} is {told_best}."],
    )


def _told(estimate: Estimate) -> str:
    low, high = estimate.interval()
    return f"{estimate.value:.4g} (95 % sure between {low:.4g} and {high:.4g})"


def _beside_history(point: Mapping[str, float], history: HistoryFacts | None) -> list[str]:
    if history is None:
        return []
    return [
        f"Discounted, from a step of the data on, the checkpoint expects {point['q_mean']:.4g} on average, where the history "
        f"returned {history.mean_value:.4g}. As counted, without a discount, a whole episode of the history returned "
        f"{history.mean_return:.4g} (95 % sure between {history.low:.4g} and {history.high:.4g})."
    ]


def _broke_down(point: Mapping[str, float], largest: float) -> str:
    after = f"after {point['n_updates']:,.0f} updates"
    if point.get("q_mean", 0.0) > largest and np.isfinite(point["q_mean"]):
        return (
            f"From {after.removeprefix('after ')} on the expected return is {point['q_mean']:.4g}, and no return can be above "
            f"{largest:.4g}: these checkpoints are left out. A lower learning rate or a larger conservative weight helps."
        )
    return f"The run diverged: {after} a number is not finite. Checkpoints from there on are left out; lower the learning rate."


def _collapsed(point: Mapping[str, float], history: HistoryFacts | None) -> str:
    assert history is not None
    error = f" Its TD error of {point['td_error']:.3g} is small for that reason alone." if "td_error" in point else ""
    return (
        f"After {point['n_updates']:,.0f} updates the expected return has collapsed: {_flat(point, history)}.{error} Such "
        f"checkpoints are left out."
    )


def _not_begun(point: Mapping[str, float], history: HistoryFacts | None) -> str:
    assert history is not None
    return (
        f"After {point['n_updates']:,.0f} updates the expected return is {_flat(point, history)}: the run has hardly begun, "
        f"and nothing can be chosen yet. Give it more steps (learner.updates)."
    )


def _flat(point: Mapping[str, float], history: HistoryFacts) -> str:
    """What a checkpoint expects that tells nothing apart, beside the history."""
    told = f"{point['q_mean']:.3g} on average, where the history's own returns were {history.mean_value:.4g}"
    apart = _apart(point)
    if apart is None or not history.value_deviation > 0:
        return told
    return (
        f"{told}, and no two steps differ by more than {apart:.3g}, where those usually differ by {history.value_deviation:.3g}"
    )


def _no_history() -> Doubt:
    return Doubt(
        kind="no_history", sentence="Nothing is known of the history, so the choice rests on curves alone.", is_blocking=False
    )


def _doubts_of(curve: Curve) -> tuple[Doubt, ...]:
    if len(curve) >= curves.FEWEST_TO_SEE_A_SHAPE:
        return ()
    n = "1 checkpoint" if len(curve) == 1 else f"{len(curve)} checkpoints"
    told = (
        f"The run has {n}, and {curves.FEWEST_TO_SEE_A_SHAPE} are the fewest that show a rise and a fall: "
        f"lower checkpoint_every."
    )
    return (Doubt(kind="too_few_checkpoints", sentence=told, is_blocking=False),)
