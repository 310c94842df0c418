"""Shapley values: what each part of an input adds to a number, so shared out that the parts sum to the whole.

Question answered: by how much does each part move the result from what it is on average? A part's share is what it adds
when the parts are put in one after another, averaged over all orders. Up to eight parts all orders are counted; beyond,
some orders are drawn, each together with its reverse, which is still exact where no more than two parts act together (as
in every linear model, and in one with products of two features).
Source: Shapley 1953; sampled orders Castro, Gómez & Tejada 2009; orders with their reverse Mitchell et al. 2022
(arXiv:2104.12199).
Letters: p parts, c sets of parts, k numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Worth = Callable[[NDArray[np.bool_]], NDArray[np.float64]]  # sets (c, p), True: this part is in -> numbers (c, k)

MAX_COUNTED = 8  # parts of which every set is looked at: 256 of them
_SETS_AT_MOST = 1024  # about as many are looked at where orders are drawn
_FEWEST_PAIRS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What each part adds. `base + share.sum(axis=0) == whole`, to rounding."""

    share: NDArray[np.float64]  # (p, k)
    stderr: NDArray[np.float64]  # (p, k) of the drawing of orders; 0 where all were counted
    base: NDArray[np.float64]  # (k,) with no part in
    whole: NDArray[np.float64]  # (k,) with every part in


def shapley(worth: Worth, n_parts: int, *, rng: np.random.Generator) -> Shares:
    """The shares of n_parts parts.

    Args:
        worth: the numbers that a set of parts brings about.
        n_parts: p, of 0 or more.
        rng: draws the orders, where there are more parts than can be counted.
    """
    if n_parts <= MAX_COUNTED:
        return _counted(worth, n_parts)
    n_pairs = max(_FEWEST_PAIRS, _SETS_AT_MOST // (2 * n_parts))
    pairs = [_of_a_pair(worth, rng.permutation(n_parts)) for _ in range(n_pairs)]
    each = np.stack([share for share, _, _ in pairs])
    stderr = each.std(axis=0, ddof=1) / math.sqrt(n_pairs)
    return Shares(each.mean(axis=0), stderr, pairs[0][1], pairs[0][2])


def n_sets(n_parts: int) -> int:
    """How many sets of parts `shapley` asks the worth of."""
    if n_parts <= MAX_COUNTED:
        return int(2**n_parts)
    return max(_FEWEST_PAIRS, _SETS_AT_MOST // (2 * n_parts)) * 2 * n_parts


def _counted(worth: Worth, p: int) -> Shares:
    """Every set once: share_i = sum over sets S without i of |S|! (p - |S| - 1)! / p! (worth(S + i) - worth(S))."""
    place = np.arange(2**p)
    sets = (place[:, np.newaxis] >> np.arange(p)) & 1 == 1  # set number s holds the parts whose bit is 1 in s
    of_set = worth(sets)
    size = sets.sum(axis=1)
    share = np.zeros((p, of_set.shape[1]))
    for i in range(p):
        without = place[~sets[:, i]]
        weight = np.array([1.0 / (p * math.comb(p - 1, int(s))) for s in size[without]])
        share[i] = weight @ (of_set[without + (1 << i)] - of_set[without])
    return Shares(share, np.zeros_like(share), of_set[0], of_set[-1])


def _of_a_pair(worth: Worth, order: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shares of one order and its reverse, their mean; the worth of no part, and of all."""
    p = len(order)
    rank = np.empty(p, dtype=np.intp)
    rank[order] = np.arange(p)
    steps = np.arange(p + 1)[:, np.newaxis]
    forth = rank < steps  # (p + 1, p): after s steps the first s parts are in
    back = (p - 1 - rank) < steps
    of_set = worth(np.concatenate([forth, back[1:-1]]))
    first, second = of_set[: p + 1], np.concatenate([of_set[:1], of_set[p + 1 :], of_set[p : p + 1]])
    share = (np.diff(first, axis=0)[rank] + np.diff(second, axis=0)[p - 1 - rank]) / 2
    return share, of_set[0], of_set[p]
