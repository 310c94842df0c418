"""The account of a challenge: what its settled decisions have shown so far, carried on from look to look.

Question answered: given what was known before and the decisions that have settled since, what is known now? A pure function:
another process that replays the same decisions, in whatever chunks, arrives at the same account. Evidence begins with the
canary: while the challenger is only asked, a decision weighs so much that it would tell next to nothing.
Where a subject or an episode stays on one side, its first decision in each state is evidence, and the hold-out is left out:
who is held out stays so from state to state, but who is the challenger's is drawn anew.
Letters: m decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples, Trial
from policyloop.core.loop import GuardSpec, LoopSpec
from policyloop.core.shadow import HOLD_OUT
from policyloop.core.spec_gate import ACTION_SHARE, ERRORS, LATENCY_MS
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.pseudo import pseudo_outcomes
from policyloop.gate import evidence as evidences
from policyloop.gate import margins, slices
from policyloop.gate.chunk import chunk_of
from policyloop.gate.evidence import Evidence
from policyloop.gate.limits import Limits, ceiling_of, largest_weights, limits_of
from policyloop.gate.margins import Moved
from policyloop.gate.stretches import stretches_of
from policyloop.gate.verdict import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is carried on. All of it is bounded, however many decisions there were."""

    state: str  # of the challenge when it was last looked at
    position: int = 0  # decided_at of the newest decision taken up, microseconds
    n_served: int = 0  # decisions of the present state in which the challenger was asked
    ceiling: float = 0.0  # of predicted rewards, chosen before the first of them counts
    levels: Mapping[str, float] = field(default_factory=dict)  # guard -> its outcome's mean before the challenge
    errors: tuple[float, float] = (0.0, 0.0)  # summed squared error of the champions' predictions and the challengers'
    n_uncovered: int = 0  # decisions at which the challenger would take what was served with probability 0
    evidence: Evidence | None = None
    margins: Mapping[str, Evidence] = field(default_factory=dict)  # by guard
    moved: Moved = field(default_factory=Moved)
    slices: Mapping[str, Evidence] = field(default_factory=dict)  # by `field=value`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """Decisions that have settled since the last look, in the order of the log."""

    examples: Examples  # with `trial` and, where guards ask for them, `outcomes`
    champion_rewards: NDArray[np.float64]  # (m, k) expected by the champion of each decision
    challenger_rewards: NDArray[np.float64]  # (m, k) by its challenger
    is_first: NDArray[np.bool_]  # (m,) the first decision of its unit in this state; all are where sides are drawn each time
    least_propensity: NDArray[np.float64]  # (m,) no action was served with less, by the spec of its time; 0 without a floor


def begun(
    state: str, *, mean_reward: float, spec: LoopSpec, position: int, mean_outcomes: Mapping[str, float] | None = None
) -> Account:
    """The account of a challenge of which nothing has been seen.

    Args:
        state: of the challenge.
        mean_reward: of the loop's decisions before it began.
        spec: of the loop, whose reward counts.
        position: decisions up to this moment are none of its, microseconds.
        mean_outcomes: guarded outcome -> its mean over the same decisions; one that is missing is taken to be in the middle.
    """
    ceiling = ceiling_of(mean_reward, low=spec.reward.low, high=spec.reward.high)
    return Account(state=state, position=position, ceiling=ceiling, levels=dict(mean_outcomes or {}))


def taken_up(account: Account, settled: Settled, *, champion_spec: LoopSpec, spec: LoopSpec, state: str) -> Account:
    """The account after some more decisions.

    Args:
        account: before them.
        settled: of one challenge.
        champion_spec: of the loop; its reward is what counts.
        spec: that the loop would have; its gate is the challenge's.
        state: of the challenge now.
    """
    examples = settled.examples
    if account.state != state:
        account = replace(account, state=state, n_served=0)
    if len(examples) == 0:
        return account
    trial = _trial(examples)
    account = _told_of_asking(account, trial, spec)
    n_served = account.n_served + int(np.count_nonzero(trial.state == state.lower()))
    account = replace(account, position=int(examples.decided_at.max()), n_served=n_served)
    is_answered = np.isfinite(trial.challenger_pmf).all(axis=1) & np.isfinite(trial.champion_pmf).all(axis=1)
    decides = (trial.share > 0) & is_answered & settled.is_first & np.isfinite(examples.propensity)
    decides &= ~(trial.is_unit & (trial.side == HOLD_OUT))
    terms = [trial.share, trial.hold_out, settled.least_propensity, trial.is_unit]
    for rows in stretches_of(terms, np.flatnonzero(decides)):
        account = _told_of_deciding(account, _part(settled, rows), champion_spec=champion_spec, spec=spec)
    return account


def judged(account: Account, spec: LoopSpec) -> tuple[Reason, ...]:
    """What the guards and the slices say. RETIRE on harm beyond a margin, INCONCLUSIVE while that is open."""
    guards = margins.guards_of(spec.gate.guards)
    reasons = [
        margins.judge_moved(guard, account.moved)
        if guard.name == ACTION_SHARE
        else margins.judge(guard, account.margins.get(guard.name))
        for guard in guards
    ]
    told = slices.judge(account.slices, slices.looked_at(spec), told="it earns {} a decision", unit="events")
    return (*reasons, *told)


def _told_of_asking(account: Account, trial: Trial, spec: LoopSpec) -> Account:
    """What being asked shows: whether it answers, how fast, and what it would do."""
    told = dict(account.margins)
    for guard in margins.guards_of(spec.gate.guards):
        if guard.name == ERRORS:
            phi, limits = -trial.is_broken.astype(np.float64), margins.limits_of_errors()
        elif guard.name == LATENCY_MS:
            phi, limits = -_slower_ms(trial, guard), margins.limits_of_latency(guard)
        else:
            continue
        told[guard.name] = margins.added(told.get(guard.name), phi, guard=guard, limits=limits)
    moved = trial.challenger_pmf - trial.champion_pmf
    moved = moved[np.isfinite(moved).all(axis=1)]
    return replace(account, margins=told, moved=margins.moved_on(account.moved, moved))


def _slower_ms(trial: Trial, guard: GuardSpec) -> NDArray[np.float64]:
    """By how much the challenger took longer, where both were timed."""
    is_timed = np.isfinite(trial.challenger_us) & np.isfinite(trial.champion_us)
    of_both = (np.clip(us[is_timed] / 1000, guard.low, guard.high) for us in (trial.challenger_us, trial.champion_us))
    challenger, champion = of_both
    return np.asarray(challenger - champion)


def _part(settled: Settled, rows: NDArray[np.intp]) -> Settled:
    keep = np.zeros(len(settled.examples), dtype=bool)
    keep[rows] = True
    return Settled(
        examples=settled.examples.where(keep),
        champion_rewards=settled.champion_rewards[rows],
        challenger_rewards=settled.challenger_rewards[rows],
        is_first=settled.is_first[rows],
        least_propensity=settled.least_propensity[rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Served:
    """How the traffic of some decisions was shared, the same in all of them."""

    share: float  # of the challenger
    of_champion: float
    least_propensity: float
    pmf: NDArray[np.float64]  # (m, k) that an action was drawn from, whoever's side it was

    @property
    def largest_weights(self) -> tuple[float, float]:
        """For and against the challenger."""
        return largest_weights(self.least_propensity, champion_share=self.of_champion, challenger_share=self.share)


def _n_uncovered(examples: Examples, trial: Trial) -> int:
    """Decisions at which the log itself says that what the challenger would do had the probability 0."""
    is_uncovered = ((trial.challenger_pmf > 0) & (examples.pmf <= 0)).any(axis=1)
    return int(np.count_nonzero(is_uncovered & ~trial.is_unit))  # a unit's logged pmf is that of its side alone


def _served(settled: Settled) -> _Served:
    """What is logged; never less than champion and challenger put into it, so that a log that errs cannot break the limits."""
    examples, trial = settled.examples, _trial(settled.examples)
    share, hold_out = float(trial.share[0]), float(trial.hold_out[0])
    of_champion, least = 1.0 - share - hold_out, float(settled.least_propensity[0]) * (1.0 - hold_out)
    if trial.is_unit[0]:  # the logged pmf is its side's; among those not held out sides are drawn with these shares
        share, of_champion = share / (1.0 - hold_out), of_champion / (1.0 - hold_out)
    both = of_champion * trial.champion_pmf + share * trial.challenger_pmf
    pmf = both if trial.is_unit[0] else np.fmax(examples.pmf, both)
    return _Served(share=share, of_champion=of_champion, least_propensity=least * (1 - 1e-9), pmf=pmf)


def _told_of_deciding(account: Account, settled: Settled, *, champion_spec: LoopSpec, spec: LoopSpec) -> Account:
    """What deciding shows: the difference in reward, in the guarded outcomes, and in every slice."""
    examples, trial, served = settled.examples, _trial(settled.examples), _served(settled)
    if served.least_propensity <= 0:  # without a floor nothing can be said; the rule refuses
        return account
    propensity = taken(served.pmf, examples.action)
    reward = champion_spec.reward
    limits = _limits(served, low=reward.low, high=reward.high, ceiling=account.ceiling)
    predicted, errors = _best_so_far(settled, account.errors, limits)
    chunk = chunk_of(
        np.clip(examples.reward, reward.low, reward.high),
        propensity,
        action=examples.action,
        challenger_pmf=trial.challenger_pmf,
        champion_pmf=trial.champion_pmf,
        predicted=predicted,
        limits=limits,
    )
    uncovered = _n_uncovered(examples, trial)
    before = account.evidence or evidences.begin(limits)
    return replace(
        account,
        errors=errors,
        n_uncovered=account.n_uncovered + uncovered,
        evidence=evidences.update(before, chunk, limits=limits),
        margins={**account.margins, **_guarded(account, settled, propensity, served, champion_spec=champion_spec, spec=spec)},
        slices=slices.added(
            account.slices,
            chunk,
            values={name: slices.values_of(examples.contexts, name) for name in spec.gate.slices},
            most=slices.looked_at(spec),
            limits=limits,
        ),
    )


def _limits(served: _Served, *, low: float, high: float, ceiling: float | None) -> Limits:
    """How far one decision can go."""
    return limits_of(
        low=low,
        high=high,
        least_propensity=served.least_propensity,
        ceiling=ceiling,
        champion_share=served.of_champion,
        challenger_share=served.share,
    )


def _best_so_far(
    settled: Settled, before: tuple[float, float], limits: Limits
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """(m, k) predictions, at each decision of whoever has erred less up to it, and the errors after the last."""
    examples = settled.examples
    both = np.stack([limits.clipped(settled.champion_rewards), limits.clipped(settled.challenger_rewards)])
    error = np.stack([(examples.reward - taken(table, examples.action)) ** 2 for table in both])
    summed = np.cumsum(np.concatenate([np.array(before)[:, np.newaxis], error], axis=1), axis=1)
    best = summed[:, :-1].argmin(axis=0)
    return both[best, np.arange(len(examples))], (float(summed[0, -1]), float(summed[1, -1]))


def _guarded(
    account: Account,
    settled: Settled,
    propensity: NDArray[np.float64],
    served: _Served,
    *,
    champion_spec: LoopSpec,
    spec: LoopSpec,
) -> dict[str, Evidence]:
    """The evidence of every guard on an outcome."""
    examples, trial = settled.examples, _trial(settled.examples)
    found = {}
    for guard in spec.gate.guards:
        if guard.name not in champion_spec.outcomes:
            continue
        value = outcome_of(examples, guard, missing=champion_spec.outcomes[guard.name].missing)
        level = min(max(account.levels.get(guard.name, (guard.low + guard.high) / 2), guard.low), guard.high)
        phi = pseudo_outcomes(
            value,
            propensity,
            action=examples.action,
            moved=trial.challenger_pmf - trial.champion_pmf,
            predicted=np.full(trial.champion_pmf.shape, level),
        )
        limits = margins.limits_of_outcome(guard, level=level, weights=served.largest_weights)
        signed = -phi if guard.better == "lower" else phi
        found[guard.name] = margins.added(account.margins.get(guard.name), signed, guard=guard, limits=limits)
    return found


def outcome_of(examples: Examples, guard: GuardSpec, *, missing: float) -> NDArray[np.float64]:
    """(m,) the guarded outcome of each decision, within the guard's range."""
    assert examples.outcomes is not None, "examples without their outcomes"
    value = examples.outcomes.get(guard.name, np.full(len(examples), np.nan))
    return np.clip(np.where(np.isnan(value), missing, value), guard.low, guard.high)


def _trial(examples: Examples) -> Trial:
    assert examples.trial is not None, "rows of no challenge"
    return examples.trial


def to_map(account: Account) -> dict[str, Any]:
    """The account as JSON can say it."""
    return {
        "state": account.state,
        "position": account.position,
        "n_served": account.n_served,
        "ceiling": account.ceiling,
        "levels": dict(account.levels),
        "errors": list(account.errors),
        "n_uncovered": account.n_uncovered,
        "evidence": None if account.evidence is None else evidences.to_map(account.evidence),
        "margins": {name: evidences.to_map(one) for name, one in account.margins.items()},
        "moved": {"n": account.moved.n, "total": list(account.moved.total)},
        "slices": {name: evidences.to_map(one) for name, one in account.slices.items()},
    }


def from_map(told: Mapping[str, Any]) -> Account:
    """The inverse of `to_map`."""
    evidence = told["evidence"]
    return Account(
        state=told["state"],
        position=told["position"],
        n_served=told["n_served"],
        ceiling=told["ceiling"],
        levels=told["levels"],
        errors=(told["errors"][0], told["errors"][1]),
        n_uncovered=told["n_uncovered"],
        evidence=None if evidence is None else evidences.from_map(evidence),
        margins={name: evidences.from_map(one) for name, one in told["margins"].items()},
        moved=Moved(n=told["moved"]["n"], total=tuple(told["moved"]["total"])),
        slices={name: evidences.from_map(one) for name, one in told["slices"].items()},
    )
