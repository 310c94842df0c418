"""Looks: what is asked of a loop whenever decisions have settled, in order of how bad an answer could be.

Question answered: may the log be believed, may what is live stay, and where does the challenge stand? Each answer that changed
something is a sentence; every change is one write.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core.errors import ChallengeRefused, PromotionRefused
from policyloop.gate.logcheck import LogCheck
from policyloop.gate.ramp import State
from policyloop.run.challenges import challenging
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import challenging as episode_challenging
from policyloop.run.episodes import line_watch as episode_line
from policyloop.run.refresh import guard
from policyloop.run.watches import line_watch
from policyloop.run.watches.log_watch import check_log

_ENDED_ILL = (State.RETIRED, State.ROLLED_BACK)
_ORDER = tuple(State)  # as a challenge goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look changed."""

    sentence: str  # for people
    is_harm: bool  # whether something was taken back, ended or frozen; else a challenge went on


def look(deployment: Deployment, loop: str) -> list[Looked]:
    """All looks, and what they changed.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if standing.spec.episodes is not None:
        done = [_taken_back(episode_line.look(deployment, loop)), _moved(deployment, loop, _of_episodes(deployment, loop))]
        return [one for one in done if one is not None]
    was_frozen = standing.row.is_frozen
    log = check_log(deployment, loop)
    frozen = f"promotions were frozen. {log.alarms[0].sentence}" if log.is_alarm and not was_frozen else None
    found = [
        _taken_back(frozen),
        _taken_back(guard(deployment, loop)),
        _taken_back(line_watch.look(deployment, loop)),
        _moved(deployment, loop, _of_challenge(deployment, loop, log)),
    ]
    return [one for one in found if one is not None]


def _taken_back(sentence: str | None) -> Looked | None:
    return None if sentence is None else Looked(sentence=sentence, is_harm=True)


def _moved(deployment: Deployment, loop: str, sentence: str | None) -> Looked | None:
    """What became of the newest challenge."""
    if sentence is None:
        return None
    move = deployment.registry.challenges.moves(loop, limit=1)[0]
    is_back = move.before is not None and _ORDER.index(move.after) < _ORDER.index(move.before)
    return Looked(sentence=sentence, is_harm=is_back or move.after in _ENDED_ILL)


def _of_challenge(deployment: Deployment, loop: str, log: LogCheck) -> str | None:
    """Where the challenge stands; what somebody else moved meanwhile is looked at again the next time."""
    try:
        return challenging.look(deployment, loop, log=log)
    except (ChallengeRefused, PromotionRefused):
        return None


def _of_episodes(deployment: Deployment, loop: str) -> str | None:
    """The same in a loop with episodes, whose evidence is whole returns."""
    try:
        return episode_challenging.look(deployment, loop)
    except (ChallengeRefused, PromotionRefused):
        return None
