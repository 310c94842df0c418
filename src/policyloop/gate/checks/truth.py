"""Truth: were the actions really drawn from the probabilities that were logged?

Question answered: does some other way of drawing explain the actions better: sharper or flatter than logged, partly by
another model, or with some action, place or pair of best and taken oftener than it should? Alternatives that are learned use
earlier events only, so that one wealth over all of them stays evidence at any time.
Source: likelihood-ratio test martingales, as in `wealth.py`.
Letters: n events, k actions, j alternatives, g groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.wealth import Claim, Wealth
from policyloop.gate.verdict import Call, Reason

NAME = "log-propensities"

ROLES = {  # who else may have decided
    "challenger": "the challenger",
    "champion": "the champion",
    "previous": "the model before",
    "baseline": "the baseline",
    "uniform": "an even draw",
}

_ALPHA = 0.001
_SCALES = {0.0: "the best action alone was served", 0.5: "about half of the logged exploration took place"} | {
    0.8: "about four fifths of the logged exploration took place"
}
_ODDS = (1.25, 2.0, 4.0)  # of all but the best action: more exploration than logged
_POWERS = (0.5, 0.8, 1.25, 2.0)  # of all probabilities: flatter, sharper
_SHARES = (0.03, 0.1, 0.3, 1.0)  # of the traffic by somebody else
_LEARNED = {
    "action": "some actions",
    "place": "some places in the order of preference",
    "pair": "some actions in some contexts",
}
_MOST = {"action": 32, "place": 8, "pair": 8}  # groups; all beyond are one, and pairs are learned only up to so many actions
_SMOOTHING = 4.0  # events that a learned tilt begins with
_MEMORY = 4_000  # events after which learned counts are halved, so that what is learned is of late
_ROUNDING = 1e-12

# Each family's weight, and what its alternatives say, in the order of the factors.
_FAMILIES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.4, (*_SCALES.values(), *(f"actions beside the best came with {odds:g} times the odds" for odds in _ODDS))),
    (0.1, tuple(f"probabilities were {'flatter' if power < 1 else 'sharper'} than logged" for power in _POWERS)),
    (0.35, tuple(f"about {100 * share:g} % was decided by {who}" for who in ROLES.values() for share in _SHARES)),
    (0.15, tuple(f"{which} came oftener than logged" for which in _LEARNED.values())),
)
CLAIM = Claim(alpha=_ALPHA, prior=tuple(weight / len(said) for weight, said in _FAMILIES for _ in said))
_SAID = tuple(words for _, said in _FAMILIES for words in said)
Counts = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Events whose whole pmf is known."""

    action: NDArray[np.int64]  # (n,) index drawn
    pmf: NDArray[np.float64]  # (n, k) as logged; sums to 1, and the drawn action's is above 0
    allowed: NDArray[np.bool_]  # (n, k)
    others: Mapping[str, NDArray[np.float64]]  # role -> (n, k) pmf; NaN rows where unknown

    def __len__(self) -> int:
        return len(self.action)

    def __getitem__(self, rows: slice) -> Drawn:
        others = {role: pmf[rows] for role, pmf in self.others.items()}
        return Drawn(action=self.action[rows], pmf=self.pmf[rows], allowed=self.allowed[rows], others=others)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is known so far of whether the log tells the truth."""

    wealth: Wealth
    counts: Counts  # by learned alternative (2, ...): how often a group came, and how often it should have

    @property
    def is_alarm(self) -> bool:
        """Whether the logged probabilities are not those that were drawn from."""
        return self.wealth.is_alarm

    def reason(self) -> Reason:
        """REFUSE where they are not."""
        n = f"{self.wealth.n:,} decisions"
        if not self.wealth.is_alarm:
            sentence = f"What was drawn in {n} fits the logged probabilities."
            return Reason(name=NAME, call=Call.PROMOTE, sentence=sentence, numbers=self.wealth.numbers, is_check=True)
        likeliest = _SAID[int(np.argmax(self.wealth.stakes))]
        sentence = (
            f"The logged probabilities are not those that were drawn from: seen after {self.wealth.found_at:,} of {n}. It "
            f"looks as if {likeliest}. See which process decides with another model or other settings than it logs; estimates "
            f"from this log are not to be believed."
        )
        return Reason(name=NAME, call=Call.REFUSE, sentence=sentence, numbers=self.wealth.numbers, is_check=True)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        counts = {name: counts.tolist() for name, counts in self.counts.items()}
        return {"wealth": self.wealth.to_mapping(), "counts": counts}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Truth:
        """The inverse of `to_mapping`."""
        counts = {name: np.array(counts, dtype=np.float64) for name, counts in raw["counts"].items()}
        return cls(wealth=Wealth.from_mapping(raw["wealth"], CLAIM), counts=counts)


def begin() -> Truth:
    """Before the first event."""
    shapes = {name: (2, most, most) if name == "pair" else (2, most) for name, most in _MOST.items()}
    counts = {name: np.full(shape, _SMOOTHING) for name, shape in shapes.items()}
    return Truth(wealth=wealths.begin(CLAIM), counts=counts)


def update(truth: Truth, drawn: Drawn) -> Truth:
    """After further events; in pieces or at once, the result is the same up to rounding.

    Args:
        truth: before them.
        drawn: the events, in order.
    """
    after = truth
    for rows in wealths.blocks(truth.wealth.n, len(drawn)):
        after = _after_block(after, drawn[rows])
    return after


def _after_block(truth: Truth, drawn: Drawn) -> Truth:
    """After events that lie in one block."""
    chance = drawn.pmf[np.arange(len(drawn)), drawn.action]
    pmf = np.ascontiguousarray(drawn.pmf.T)  # long rows are summed several times as fast
    learned, counts = _learned(pmf, drawn.action, chance=chance, counts=truth.counts)
    factors = np.array([*_sharper_or_flatter(pmf, drawn.action, chance), *_by_others(drawn, chance), *learned])
    wealth = wealths.bet(truth.wealth, factors)
    kept = 1.0 if wealth.n % _MEMORY else 0.5
    return replace(truth, wealth=wealth, counts={name: kept * count for name, count in counts.items()})


def _sharper_or_flatter(
    pmf: NDArray[np.float64], action: NDArray[np.int64], chance: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """The factors of the first two families, (n,) each; `pmf` is (k, n)."""
    is_best = pmf >= pmf.max(axis=0) - _ROUNDING
    rest = np.where(is_best, 0.0, pmf).sum(axis=0)
    took_best = is_best[action, np.arange(len(action))]
    for scale in _SCALES:  # the probability of the rest, times `scale`; the best action has what is left
        yield np.where(took_best, (1 - scale * rest) / (1 - rest), scale)
    yield from wealths.odds_factors(rest, ~took_best, _ODDS)
    logs = np.log(pmf, out=np.full(pmf.shape, -np.inf), where=pmf > 0)
    log_chance = np.log(chance)
    for power in _POWERS:
        yield np.exp((power - 1) * log_chance) / np.exp(power * logs).sum(axis=0)


def _by_others(drawn: Drawn, chance: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """The factors of mixtures with other policies; 1 where what they would have done is not known."""
    events = np.arange(len(drawn))
    even = 1.0 / drawn.allowed.sum(axis=1)
    for role in ROLES:
        if role == "uniform":
            weight = even / chance
        elif role in drawn.others:
            its = drawn.others[role]
            weight = np.where(np.isfinite(its).all(axis=1), its[events, drawn.action], chance) / chance
        else:
            weight = np.ones(len(drawn))
        for share in _SHARES:
            yield 1 - share + share * weight


def _learned(
    pmf: NDArray[np.float64], action: NDArray[np.int64], *, chance: NDArray[np.float64], counts: Counts
) -> tuple[list[NDArray[np.float64]], Counts]:
    """The factors of the tilts that are learned as the events come, and the counts after them; `pmf` is (k, n)."""
    is_earlier = np.arange(len(pmf))[:, np.newaxis] < action
    place = np.minimum(((pmf > chance) | ((pmf == chance) & is_earlier)).sum(axis=0), _MOST["place"] - 1)
    ordered = -np.sort(-pmf, axis=0)
    found = {
        "action": _tilted(grouped(pmf, _MOST["action"]), np.minimum(action, _MOST["action"] - 1), counts["action"]),
        "place": _tilted(grouped(ordered, _MOST["place"]), place, counts["place"]),
        "pair": _paired(pmf, action, counts["pair"]),
    }
    return [factor for factor, _ in found.values()], {name: after for name, (_, after) in found.items()}


def grouped(pmf: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """(g, n) mass of each row, where all from the last group on are one; g is at most `most`."""
    if len(pmf) <= most:
        return pmf
    return np.vstack([pmf[: most - 1], pmf[most - 1 :].sum(axis=0)])


def _tilted(
    mass: NDArray[np.float64], taken: NDArray[np.int64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factors of the alternative that each group comes as often beside its chance as it has so far; and the counts after.

    Args:
        mass: (g, n) chance of each group.
        taken: (n,) the group that came.
        counts: (2, most) how often each came, and how often it should have.
    """
    g, events = len(mass), np.arange(len(taken))
    came = np.zeros_like(mass)
    came[taken, events] = 1.0
    n_came, n_expected = came.cumsum(axis=1), mass.cumsum(axis=1)
    tilt = (n_came - came + counts[0, :g, np.newaxis]) / (n_expected - mass + counts[1, :g, np.newaxis])
    factor = tilt[taken, events] / (mass * tilt).sum(axis=0)
    after = counts.copy()
    after[:, :g] += n_came[:, -1], n_expected[:, -1]
    return factor, after


def _paired(
    pmf: NDArray[np.float64], action: NDArray[np.int64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same by action, learned apart for each action that is logged as the best."""
    factor = np.ones(len(action))
    after = counts.copy()
    if len(pmf) > counts.shape[1]:
        return factor, after
    best = pmf.argmax(axis=0)
    for i in range(len(pmf)):
        events = np.flatnonzero(best == i)
        if len(events):
            factor[events], after[:, i] = _tilted(pmf[:, events], action[events], counts[:, i])
    return factor, after
