"""Steps put in order: which decisions of an episode become transitions, and how each ends.

Question answered: of the steps that are known, which have a next context, where does the episode stop, and by what?
A gap cuts an episode into runs: the step before it has no next context and is left out, and the one before that is the last
of its run, truncated. The next context is never guessed. What says `terminated` is a word alone; all else truncates. Where
the decision of that word is left out, as its reward needs a context that nobody recorded, the step before it terminates: it
leads to the last context that is known. To call it truncated would promise a learner rewards after the end, for ever; so the
reward of one step is missing, and no more.
Letters: n decisions, e episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).max
NOWHERE = -1  # in `next_row`: no decision came next

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Decisions of episodes, sorted by (episode, step), each step once."""

    episode: Ints  # (n,) rising from 0
    step: Ints  # (n,) rising within an episode
    is_readable: Bools  # (n,) whether its context is whole
    is_terminated: Bools  # (n,) a word says that nothing comes after it
    is_truncated: Bools  # (n,) a word says that only the record stops after it
    has_last: Bools  # (n,) that word came with a context that can be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What becomes of n decisions."""

    keep: Bools  # (n,) it is a transition
    next_row: Ints  # (n,) the decision whose context comes next; NOWHERE: the word's own context, or none
    has_next: Bools  # (n,) a next context is known
    terminated: Bools  # (n,)
    truncated: Bools  # (n,)
    is_after_end: Bools  # (n,) left out: the episode was over
    is_without_next: Bools  # (n,) left out: nobody recorded what came next
    is_at_limit: Bools  # (n,) it is the last step that the spec allows
    n_gaps: int
    by_word: Bools  # (e,) a word ended it
    by_limit: Bools  # (e,) the spec's greatest number of steps ended it, without a word


def put_in_order(steps: Steps, *, n_episodes: int, max_steps: int | None, needs_next: bool) -> Ordered:
    """Decide of each step whether it is a transition, and how it ends.

    Args:
        steps: the decisions.
        n_episodes: e.
        max_steps: an episode of so many steps is truncated; None: there is no such limit.
        needs_next: whether a reward cannot be told without the next context.
    """
    n = len(steps.step)
    row = np.arange(n)
    episode, step = steps.episode, steps.step
    same = np.append(episode[1:] == episode[:-1], False) if n else np.zeros(0, dtype=bool)
    jump = np.append(np.diff(step), 0) if n else np.zeros(0, dtype=np.int64)
    follows = same & (jump == 1)

    has_word = steps.is_terminated | steps.is_truncated
    word_at = _first_step(episode, step, has_word, n_episodes)
    limit_at = _limit(episode, step, max_steps, n_episodes)
    stop_at = np.minimum(word_at, limit_at)[episode]
    is_word = has_word & (step == word_at[episode])
    is_at_limit = step == limit_at[episode]
    is_after_end = step > stop_at

    next_row = np.where(follows & ~is_word, row + 1, NOWHERE)
    has_next = np.where(is_word, steps.has_last, follows & steps.is_readable[np.minimum(row + 1, n - 1)] if n else follows)
    is_end = is_word & steps.is_terminated
    is_told = steps.is_readable & (has_next | (is_end & (not needs_next)))
    keep = ~is_after_end & is_told
    is_lost_end = is_end & ~is_told & ~is_after_end
    terminated = is_end | (follows & np.append(is_lost_end[1:], False)) if n else is_end
    goes_on = follows & keep & np.append(keep[1:], False) & ~is_word & ~is_at_limit
    return Ordered(
        keep=keep,
        next_row=np.where(has_next, next_row, NOWHERE),
        has_next=has_next,
        terminated=terminated & keep,
        truncated=keep & ~terminated & ~goes_on,
        is_after_end=is_after_end,
        is_without_next=~is_after_end & steps.is_readable & ~is_told,
        is_at_limit=is_at_limit & ~is_after_end,
        n_gaps=int((same & (jump > 1) & ~np.append(is_after_end[1:], False)).sum()) if n else 0,
        by_word=word_at <= np.minimum(limit_at, NEVER - 1),
        by_limit=(limit_at < word_at) & (limit_at <= _last_step(episode, step, n_episodes)),
    )


def _first_step(episode: Ints, step: Ints, which: Bools, n_episodes: int) -> Ints:
    """(e,) the smallest step among those of each episode; NEVER where there is none."""
    first = np.full(n_episodes, NEVER)
    np.minimum.at(first, episode[which], step[which])
    return first


def _last_step(episode: Ints, step: Ints, n_episodes: int) -> Ints:
    """(e,) the largest step of each episode."""
    last = np.full(n_episodes, -1)
    np.maximum.at(last, episode, step)
    return last


def _limit(episode: Ints, step: Ints, max_steps: int | None, n_episodes: int) -> Ints:
    """(e,) the last step that the spec allows; NEVER without a limit."""
    if max_steps is None:
        return np.full(n_episodes, NEVER)
    first = _first_step(episode, step, np.ones(len(step), dtype=bool), n_episodes)
    return np.where(first == NEVER, NEVER, np.minimum(first, NEVER - max_steps) + max_steps - 1)
