"""Looks: what is asked of a loop whenever decisions have settled, in order of how bad an answer could be.

Question answered: may the log be believed, may what is live stay, and where does the challenge stand? Each answer that changed
something is a sentence; every change is one write.
"""

from __future__ import annotations

from policyloop.core.errors import ChallengeRefused, PromotionRefused
from policyloop.gate.logcheck import LogCheck
from policyloop.run.challenges import challenging
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import challenging as episode_challenging
from policyloop.run.episodes import line_watch as episode_line
from policyloop.run.refresh import guard
from policyloop.run.watches import line_watch
from policyloop.run.watches.log_watch import check_log


def look(deployment: Deployment, loop: str) -> list[str]:
    """All looks; what was done, in sentences for people.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if standing.spec.episodes is not None:
        done = [episode_line.look(deployment, loop), _of_episodes(deployment, loop)]
        return [sentence for sentence in done if sentence is not None]
    was_frozen = standing.row.is_frozen
    log = check_log(deployment, loop)
    found = [guard(deployment, loop), line_watch.look(deployment, loop), _of_challenge(deployment, loop, log)]
    frozen = [f"promotions were frozen. {log.alarms[0].sentence}"] if log.is_alarm and not was_frozen else []
    return frozen + [sentence for sentence in found if sentence is not None]


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
