"""The account of a challenge in episodes: what whole returns have shown, where a side is drawn once for all steps of one.

Question answered: does an episode return more when the challenger plays it? One episode is one event: which side played it was
drawn with a known share before its first step, and its return lies between known bounds. A pure function of the episodes, as
the account of decisions is.
The pseudo-outcome of an episode, whose mean given the past is the difference of the two mean returns:

    phi = (1[challenger] / g - 1[champion] / (1 - g)) (R - q)

with g the challenger's share among those that are not held out, and q any number that earlier episodes alone have told; the one
with the least noise is (1 - g) of the challenger's mean and g of the champion's. Episodes count in the order of their *first*
steps: in the order of their ends, short ones would come first, and which side plays short ones is what is asked.
A guarded outcome stands in the place of R with its mean over the episode's steps, and a number chosen beforehand in that of q.
A slice takes episodes by the context of their first steps, which neither side has brought about.
Source: gate/evidence.py, gate/margins.py. Letters: m episodes, R returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import GuardSpec, LoopSpec
from policyloop.gate import evidence as evidences
from policyloop.gate import margins, slices
from policyloop.gate.advice import Followed
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import Evidence
from policyloop.gate.limits import Limits, ceiling_of
from policyloop.gate.stretches import stretches_of
from policyloop.gate.verdict import Call, Number, Reason, number

FEWEST_EPISODES = 50  # closed ones of both sides, before a proof is believed
FEWEST_PLAYED = 10  # of them by the challenger
NAME = "proven-better-episodes"
_PRIOR = 1.0  # episodes that the mean return of the time before counts for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedEpisodes:
    """Episodes that are over, in the order of their first steps."""

    returns: NDArray[np.float64]  # (m,) undiscounted
    is_challengers: NDArray[np.bool_]  # (m,) which side played it
    share: NDArray[np.float64]  # (m,) with which chance it was to be the challenger's, of those not held out, in (0, 1)
    began_at: NDArray[np.int64]  # (m,) when its first step was decided, microseconds since 1970 UTC
    outcomes: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # name -> (m,) means over their steps
    began_in: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)  # sliced field -> (m,) its first values

    def __len__(self) -> int:
        return len(self.returns)

    def where(self, keep: NDArray[np.bool_]) -> ClosedEpisodes:
        """Those that `keep` (m,) names."""
        columns = {name: getattr(self, name)[keep] for name in ("returns", "is_challengers", "share", "began_at")}
        return ClosedEpisodes(
            **columns,
            outcomes={name: means[keep] for name, means in self.outcomes.items()},
            began_in={name: values[keep] for name, values in self.began_in.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side has returned so far."""

    n: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        """NaN without an episode."""
        return self.total / self.n if self.n else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeAccount:
    """What is carried on from look to look. All of it is bounded, however many episodes there were."""

    state: str  # of the challenge when it was last looked at
    low: float  # no return is less
    high: float  # none is more
    level: float  # mean return before the challenge: what is expected of either side before its first episode
    position: int = 0  # when the newest episode taken up began, microseconds
    n_served: int = 0  # episodes of the present state
    challenger: Side = Side()
    champion: Side = Side()
    evidence: Evidence | None = None
    levels: Mapping[str, float] = field(default_factory=dict)  # mean of each guarded outcome before the challenge
    margins: Mapping[str, Evidence] = field(default_factory=dict)  # by guarded outcome
    slices: Mapping[str, Evidence] = field(default_factory=dict)  # by `field=value`
    followed: Followed | None = None  # what became of its advice; None: it gave none

    @property
    def ceiling(self) -> float:
        """What may be foretold of a return at most; chosen before the first of them counts."""
        return ceiling_of(self.level, low=self.low, high=self.high)


def bounds_of(spec: LoopSpec) -> tuple[float, float]:
    """Between which bounds the return of an episode lies: the reward's range over as many steps as an episode may have.

    Raises:
        BadSetting: the loop has no episodes, or theirs may have any number of steps, so that nothing bounds a return.
    """
    if spec.episodes is None or spec.episodes.max_steps is None:
        raise BadSetting(
            "episodes.max_steps is not set, so nothing bounds the return of an episode, and no bet on it is safe; expected the "
            "most steps that an episode may have, such as 1000."
        )
    steps = spec.episodes.max_steps
    return min(spec.reward.low, 0.0, spec.reward.low * steps), max(spec.reward.high, 0.0, spec.reward.high * steps)


def begun(
    state: str,
    *,
    bounds: tuple[float, float],
    mean_return: float,
    position: int,
    levels: Mapping[str, float] | None = None,
) -> EpisodeAccount:
    """The account of a challenge of which nothing has been seen.

    Args:
        state: of the challenge.
        bounds: of any return.
        mean_return: of the loop's episodes before it began; NaN where there are none: then the middle is taken.
        position: episodes that began up to this moment are none of its, microseconds.
        levels: by guarded outcome, its mean in the episodes before; where one is missing, the middle of its range is taken.
    """
    low, high = bounds
    level = min(max(mean_return, low), high) if np.isfinite(mean_return) else (low + high) / 2
    return EpisodeAccount(state=state, low=low, high=high, level=level, position=position, levels=levels or {})


def guards_of(spec: LoopSpec) -> list[GuardSpec]:
    """The guards that episodes can be held to: those on outcomes."""
    return [guard for guard in spec.gate.guards if guard.name in spec.outcomes]


def limits_of(account: EpisodeAccount, share: float) -> Limits:
    """How far one episode can go, while the challenger's share is the same."""
    low, high, ceiling = account.low, account.high, account.ceiling
    # an episode of the challenger costs at most (q - low) / g, one of the champion (high - q) / (1 - g)
    return Limits(
        below=max((ceiling - low) / share, (high - low) / (1 - share)),
        above=max((high - low) / share, (ceiling - low) / (1 - share)),
        low=low,
        ceiling=ceiling,
    )


def taken_up(account: EpisodeAccount, closed: ClosedEpisodes, *, state: str, spec: LoopSpec | None = None) -> EpisodeAccount:
    """The account after some more episodes; in whatever chunks they come, the result is the same.

    Args:
        account: before them.
        closed: of one challenge, each once, in the order of their first steps; in a state in which the challenger plays some.
        state: of the challenge now.
        spec: whose guards on outcomes and slices `closed` tells of; None: there are none.
    """
    guards, most = ([], {}) if spec is None else (guards_of(spec), slices.looked_at(spec))
    now = account if account.state == state else replace(account, state=state, n_served=0)
    for rows in stretches_of([closed.share], np.arange(len(closed))):
        now = _guarded(_with_stretch(now, closed, rows, most), closed, rows, guards)
    return replace(now, n_served=now.n_served + len(closed))


def _with_stretch(
    account: EpisodeAccount, closed: ClosedEpisodes, rows: NDArray[np.intp], most: Mapping[str, int]
) -> EpisodeAccount:
    """The account after episodes of one share; `most` values of each sliced field."""
    share = float(closed.share[rows[0]])
    limits = limits_of(account, share)
    returns = np.clip(closed.returns[rows], account.low, account.high)
    is_challengers = closed.is_challengers[rows]
    foretold, sides = _foretold(account, returns, is_challengers, share)
    sign = np.where(is_challengers, 1 / share, -1 / (1 - share))
    phi = sign * (returns - limits.clipped(foretold))
    chunk = Chunk(phi=phi, weight=np.where(is_challengers, 1 / share, 0.0), is_telling=is_challengers)
    before = account.evidence or evidences.begin(limits)
    return replace(
        account,
        position=int(closed.began_at[rows[-1]]),
        challenger=sides[0],
        champion=sides[1],
        evidence=evidences.update(before, chunk, limits=limits),
        slices=slices.added(
            account.slices, chunk, values={name: closed.began_in[name][rows] for name in most}, most=most, limits=limits
        ),
    )


def _guarded(
    account: EpisodeAccount, closed: ClosedEpisodes, rows: NDArray[np.intp], guards: Sequence[GuardSpec]
) -> EpisodeAccount:
    """The account with what episodes of one share say of every guarded outcome."""
    share, is_challengers = float(closed.share[rows[0]]), closed.is_challengers[rows]
    sign = np.where(is_challengers, 1 / share, -1 / (1 - share))
    found = dict(account.margins)
    for guard in guards:
        level = min(max(account.levels.get(guard.name, (guard.low + guard.high) / 2), guard.low), guard.high)
        phi = sign * (np.clip(closed.outcomes[guard.name][rows], guard.low, guard.high) - level)
        limits = margins.limits_of_outcome(guard, level=level, weights=(1 / share, 1 / (1 - share)))
        turned = -phi if guard.better == "lower" else phi
        found[guard.name] = margins.added(found.get(guard.name), turned, guard=guard, limits=limits)
    return replace(account, margins=found)


def kept(account: EpisodeAccount, spec: LoopSpec) -> tuple[Reason, ...]:
    """What guards and slices say. RETIRE on harm beyond a margin, INCONCLUSIVE while that is open, or on harm in a slice."""
    reasons = [
        margins.judge(guard, account.margins.get(guard.name), unit="closed episodes", fewest_to_stop=FEWEST_EPISODES)
        for guard in guards_of(spec)
    ]
    told = "an episode of it returns {}"
    return (*reasons, *slices.judge(account.slices, slices.looked_at(spec), told=told, unit="closed episodes"))


def _foretold(
    account: EpisodeAccount, returns: NDArray[np.float64], is_challengers: NDArray[np.bool_], share: float
) -> tuple[NDArray[np.float64], tuple[Side, Side]]:
    """(m,) what earlier episodes say of each, and the sides after the last."""
    means, after = [], []
    for side, is_own in ((account.challenger, is_challengers), (account.champion, ~is_challengers)):
        n = side.n + np.concatenate([[0], np.cumsum(is_own)])
        total = side.total + np.concatenate([[0.0], np.cumsum(np.where(is_own, returns, 0.0))])
        means.append((total[:-1] + _PRIOR * account.level) / (n[:-1] + _PRIOR))
        after.append(Side(n=int(n[-1]), total=float(total[-1])))
    return (1 - share) * means[0] + share * means[1], (after[0], after[1])


def judged(account: EpisodeAccount, *, alpha: float) -> tuple[Reason, ...]:
    """PROMOTE on proof, RETIRE on proof of the contrary, INCONCLUSIVE between, with what is still missing.

    Args:
        account: of the challenge so far.
        alpha: chance that a challenger which never returns more is ever promoted; the same for retiring.
    """
    evidence = account.evidence
    if evidence is None:
        told = "No episode of this challenge has closed yet, so nothing can be said."
        return (Reason(name=NAME, call=Call.INCONCLUSIVE, sentence=told),)
    call = _call(evidence, alpha)
    main = Reason(name=NAME, call=call, sentence=_sentence(account, evidence, call, alpha), numbers=_numbers(account, alpha))
    return (main, *_lacks(account)) if call == Call.PROMOTE else (main,)


def _call(evidence: Evidence, alpha: float) -> Call:
    if evidence.e_worse >= 1 / alpha:
        return Call.RETIRE
    is_proven = evidence.e_better >= 1 / alpha and evidence.lower(alpha=alpha) > 0
    return Call.PROMOTE if is_proven else Call.INCONCLUSIVE


def _sentence(account: EpisodeAccount, evidence: Evidence, call: Call, alpha: float) -> str:
    settled: dict[Call, Literal["better", "worse"]] = {Call.PROMOTE: "better", Call.RETIRE: "worse"}
    how_sure = evidences.sure(evidence, alpha=alpha, settled=settled.get(call), most=account.high - account.low)
    e_value = evidence.e_worse if call == Call.RETIRE else evidence.e_better
    odds = "more than a million" if e_value > 1e6 else f"{e_value:,.3g}"
    which = "worse" if call == Call.RETIRE else "better"
    start = {
        Call.PROMOTE: "Proven better",
        Call.RETIRE: "Worse than the champion",
        Call.INCONCLUSIVE: "Not settled",
    }[call]
    return (
        f"{start} after {evidence.n:,} closed episodes, {account.challenger.n:,} of them its own: an episode of it returns "
        f"{evidences.figure(evidence.mean)} beside one of the champion, {how_sure}. "
        f"The odds that it is {which} stand {odds} to 1; {1 / alpha:g} to 1 is asked for, and counts however often one looks."
    )


def _numbers(account: EpisodeAccount, alpha: float) -> dict[str, Number]:
    evidence = account.evidence
    assert evidence is not None
    (low, high), most = evidence.interval(alpha=alpha), account.high - account.low
    return {
        "difference": number(evidence.mean),
        "low": number(max(low, -most)),
        "high": number(min(high, most)),
        "e_better": number(evidence.e_better),
        "e_worse": number(evidence.e_worse),
        "needed": 1 / alpha,
        "alpha": alpha,
        "n": float(evidence.n),
        "n_challenger": float(account.challenger.n),
        "challenger_mean": number(account.challenger.mean),
        "champion_mean": number(account.champion.mean),
    }


def _lacks(account: EpisodeAccount) -> tuple[Reason, ...]:
    """What is still missing, so that a proof does not rest on a handful of episodes."""
    n, own = account.challenger.n + account.champion.n, account.challenger.n
    told = []
    if n < FEWEST_EPISODES:
        told.append(f"{n:,} episodes have closed; a promotion waits for {FEWEST_EPISODES:,}.")
    if own < FEWEST_PLAYED:
        told.append(f"{own:,} of the episodes were the challenger's; a promotion waits for {FEWEST_PLAYED:,}.")
    return tuple(Reason(name="minimum-evidence", call=Call.INCONCLUSIVE, sentence=sentence) for sentence in told)


def to_map(account: EpisodeAccount) -> dict[str, Any]:
    """The account as JSON can say it, to the last bit."""
    told = {name: getattr(account, name) for name in _PLAIN}
    evidence = None if account.evidence is None else evidences.to_map(account.evidence)
    followed = None if account.followed is None else account.followed.to_map()
    sides = {"challenger": asdict(account.challenger), "champion": asdict(account.champion)}
    guarded = {
        "levels": dict(account.levels),
        "margins": {name: evidences.to_map(one) for name, one in account.margins.items()},
        "slices": {name: evidences.to_map(one) for name, one in account.slices.items()},
    }
    return {**told, **sides, **guarded, "evidence": evidence, "followed": followed}


def from_map(told: Mapping[str, Any]) -> EpisodeAccount:
    """The inverse of `to_map`."""
    evidence = None if told["evidence"] is None else evidences.from_map(told["evidence"])
    challenger, champion = Side(**told["challenger"]), Side(**told["champion"])
    followed = Followed(**told["followed"]) if told.get("followed") else None
    return EpisodeAccount(
        **{name: told[name] for name in _PLAIN},
        challenger=challenger,
        champion=champion,
        evidence=evidence,
        levels=told.get("levels", {}),
        margins={name: evidences.from_map(one) for name, one in told.get("margins", {}).items()},
        slices={name: evidences.from_map(one) for name, one in told.get("slices", {}).items()},
        followed=followed,
    )


_PLAIN = ("state", "low", "high", "level", "position", "n_served")
