"""Advice beside what was done: how often a person did something else than the challenger advised, and by how much.

Question answered: does the person who acts follow it? That is a ground for trust and no evidence: what was overridden says
nothing of what the advice is worth, and nobody drew by lot when to follow it. A number counts as followed when what was done is
within a hundredth of the width between its bounds, since people round.
Letters: m steps of closed episodes, p parts of an action, labelled ones first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.loop import ActionSpec
from policyloop.gate.verdict import Call, Number, Reason, number

NAME = "advice"
SAME = 0.01  # of the width of a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What became of the advice of one challenge."""

    n: int = 0  # steps with advice, of closed episodes
    n_overridden: int = 0  # in which something else was carried out
    n_episodes: int = 0
    n_followed: int = 0  # episodes without an overridden step
    difference: Mapping[str, float] = field(default_factory=dict)  # number -> mean of carried out minus advised
    distance: Mapping[str, float] = field(default_factory=dict)  # number -> mean size of that

    @property
    def share_overridden(self) -> float:
        """Of the steps with advice; NaN without one."""
        return self.n_overridden / self.n if self.n else float("nan")

    def to_map(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)


def followed_of(
    advised: NDArray[np.float64], done: NDArray[np.float64], episode: NDArray[np.int64], *, actions: ActionSpec
) -> Followed:
    """Count.

    Args:
        advised: (m, p) places of labels, then numbers.
        done: (m, p) what was carried out.
        episode: (m,) equal numbers for the steps of one episode.
        actions: the parts.
    """
    if not len(advised):
        return Followed()
    n_numbers = len(actions.box)
    width = np.array([part.high - part.low for part in actions.box])
    tolerance = np.concatenate([np.full(advised.shape[1] - n_numbers, 0.5), SAME * width])
    apart = done - advised
    is_overridden = (np.abs(apart) > tolerance).any(axis=1)
    numbers = apart[:, advised.shape[1] - n_numbers :]
    names = [part.name for part in actions.box]
    return Followed(
        n=len(advised),
        n_overridden=int(is_overridden.sum()),
        n_episodes=len(np.unique(episode)),
        n_followed=len(np.setdiff1d(episode, episode[is_overridden])),
        difference=_by_name(names, numbers.mean(axis=0)),
        distance=_by_name(names, np.abs(numbers).mean(axis=0)),
    )


def reason(followed: Followed) -> Reason:
    """What a person reads before agreeing; it decides nothing."""
    if not followed.n:
        told = "No episode with advice has closed yet."
        return Reason(name=NAME, call=Call.INCONCLUSIVE, sentence=told)
    parts = [
        f"{name}: {followed.difference[name]:+.4g} beside the advice on average, {followed.distance[name]:.4g} apart"
        for name in followed.difference
    ]
    sentence = (
        f"In {followed.n_overridden:,} of {followed.n:,} steps with advice ({100 * followed.share_overridden:.3g} %) something "
        f"else was carried out; {followed.n_followed:,} of {followed.n_episodes:,} episodes followed it throughout. "
        f"{'; '.join(parts)}{'. ' if parts else ''}It is no evidence of what the advice is worth."
    )
    return Reason(name=NAME, call=Call.INCONCLUSIVE, sentence=sentence, numbers=_numbers(followed))


def _numbers(followed: Followed) -> dict[str, Number]:
    found: dict[str, Number] = {
        "n": float(followed.n),
        "n_overridden": float(followed.n_overridden),
        "share_overridden": number(followed.share_overridden),
        "n_episodes": float(followed.n_episodes),
        "n_followed": float(followed.n_followed),
    }
    for name in followed.difference:
        found |= {f"difference_{name}": followed.difference[name], f"distance_{name}": followed.distance[name]}
    return found


def _by_name(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
