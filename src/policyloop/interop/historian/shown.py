"""What a file became, in a few numbers and sentences, for a person to look at before anything is learned from it.

Question answered: how many episodes, how long, how good, how did they end, and is it enough?
Letters: e episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.loop import LoopSpec
from policyloop.interop.historian.learned_from import ends_without_reward, field_column, to_transitions
from policyloop.interop.historian.prepare import Prepared
from policyloop.lake.episode_history import fields_of_history
from policyloop.learn.offline import goes_on
from policyloop.learn.thin import FEWEST_EPISODES, FEWEST_HELD_OUT, FEWEST_OF_LINE, FEWEST_STEPS, look_at


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers lie."""

    least: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A history in numbers."""

    n_rows: int  # of the file
    n_episodes: int
    n_steps: int
    length: Spread  # steps of an episode
    returns: Spread  # sum of the rewards of an episode
    n_terminated: int
    n_truncated: int
    columns: Mapping[str, Spread]  # numbers of the context
    values: Mapping[str, Spread]  # numbers of the action
    taken: Mapping[str, int]  # labels of the action -> how often
    sources: Mapping[str, int]  # who acted -> how often
    kinds: Mapping[str, int]  # of propensities
    repaired: Mapping[str, int]
    notes: tuple[str, ...]


def show(prepared: Prepared, spec: LoopSpec) -> tuple[Shown, Transitions]:
    """The numbers, and the steps that they are of.

    Args:
        prepared: what a file became.
        spec: of the loop.
    """
    steps = to_transitions(prepared.history, spec)
    lengths, returns = steps.lengths, steps.returns
    taken = np.bincount(steps.action[:, 0], minlength=len(spec.labels)) if spec.labels else np.zeros(0, dtype=int)
    shown = Shown(
        n_rows=prepared.n_rows,
        n_episodes=len(lengths),
        n_steps=len(steps),
        length=_spread(lengths.astype(np.float64)),
        returns=_spread(returns),
        n_terminated=int(steps.terminated.sum()),
        n_truncated=int(steps.truncated.sum()),
        columns=_of_context(prepared.history, spec),
        values={part.name: _spread(steps.action_value[:, i].astype(np.float64)) for i, part in enumerate(spec.actions.box)},
        taken=dict(zip(spec.labels, taken.tolist(), strict=True)),
        sources=_counts(steps.action_source),
        kinds=_counts(steps.propensity_kind),
        repaired=prepared.repaired,
        notes=(*prepared.notes, *_lost_ends(prepared.history, spec), *_before_training(steps, spec)),
    )
    return shown, steps


def _lost_ends(history: pa.Table, spec: LoopSpec) -> list[str]:
    """Terminated episodes whose last action cannot be rewarded."""
    n = int(ends_without_reward(history, spec).sum())
    if not n:
        return []
    return [
        f"{n:,} episodes terminate in their last row, and nobody recorded what came after its action, which the reward needs "
        f"(`next.`): that action is left out, and the row before it terminates. One more row each, with the last context and "
        f"no action, would keep it; so would a reward without `next.`. An episode of one row is left out."
    ]


def _before_training(steps: Transitions, spec: LoopSpec) -> list[str]:
    """What training would say of it."""
    told = []
    split, e, n = spec.train.split, steps.n_episodes, len(steps)
    fewest, held_out = (FEWEST_OF_LINE, 0) if goes_on(spec) else (FEWEST_EPISODES, FEWEST_HELD_OUT)
    if e * split < fewest or e - e * split < held_out or n * split < FEWEST_STEPS:
        above = f", and {held_out} episodes above it" if held_out else ""
        told.append(
            f"too thin to learn from: {e:,} episodes with {n:,} steps; training asks for {fewest} episodes and {FEWEST_STEPS} "
            f"steps below the split of {split:g}{above}. Bring more."
        )
    told += _longer(steps, spec)
    if len(steps):
        found = look_at(steps, actions=spec.actions).faults
        told += [f"before training: {fault.where} {fault.message}" for fault in found if fault.code != "too_thin"]
    return told


def _longer(steps: Transitions, spec: LoopSpec) -> list[str]:
    """Episodes beyond the greatest number of steps that the loop allows."""
    most = None if spec.episodes is None else spec.episodes.max_steps
    n = 0 if most is None else int((steps.lengths > most).sum())
    if not n:
        return []
    return [
        f"{n:,} episodes are longer than the loop's max_steps of {most:,}: they count as truncated there, the rest is lost."
    ]


def _of_context(history: pa.Table, spec: LoopSpec) -> dict[str, Spread]:
    found = {}
    for field in fields_of_history(spec):
        if field.type in ("number", "integer", "boolean"):
            values = np.asarray(field_column(history, field.name).cast(pa.float64()).to_numpy(), dtype=np.float64)
            found[field.name] = _spread(values[~np.isnan(values)])
    return found


def _spread(values: NDArray[np.float64]) -> Spread:
    if not len(values):
        return Spread(0.0, 0.0, 0.0)
    return Spread(float(values.min()), float(values.mean()), float(values.max()))


def _counts(texts: NDArray[np.object_]) -> dict[str, int]:
    """How often each was said; what nobody said is left out."""
    counted = pc.value_counts(pa.array(texts, pa.string()))
    return {str(one["values"]): int(one["counts"]) for one in counted.to_pylist() if one["values"]}
