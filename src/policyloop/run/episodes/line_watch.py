"""The watch over a line of episodes: do whole episodes of what is live return more than those of the baseline's hold-out?

Question answered: is what went live, by proof or by a person's word, worse than no model at all? Whose an episode is was drawn
by its id, so the two may be compared at any number of looks; harm takes the line back to its anchor, in one write. Without a
hold-out nothing can be said: returns of before and after differ for a hundred reasons, and no rollback rests on them.
"""

from __future__ import annotations

import msgspec

from policyloop.core.model import BASELINE
from policyloop.gate.episodes import EpisodeAccount, begun, bounds_of, from_map, taken_up, to_map
from policyloop.gate.hold_out import look_at_line
from policyloop.gate.verdict import Call, Reason
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.trials import held_out_since, mean_return_before
from policyloop.run.watches.line_watch import HOLD_OUT, rolled_back, since_when

_STATE = "LINE"  # in the account, where challenges have theirs


def look(deployment: Deployment, loop: str) -> str | None:
    """Take up the episodes that have closed; harm takes the line back. Answers what was done, None when nothing was.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if not _is_watched(standing):
        return None
    account = _after(deployment, standing)
    told = {"anchor": standing.row.anchor, "account": to_map(account)}
    deployment.registry.challenges.carry(standing.spec.loop, HOLD_OUT, msgspec.json.encode(told).decode())
    reason = _reason(account)
    if reason is None or account.evidence is None or reason.call != Call.ROLLBACK:
        return None
    return rolled_back(deployment, standing, reason, n_evidence=account.evidence.n, until=account.position)


def reason_now(deployment: Deployment, loop: str) -> Reason | None:
    """What the hold-out says of the line; None without a hold-out, or before an episode of it has closed.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    account = _carried(deployment, standing) if _is_watched(standing) else None
    return None if account is None else _reason(account)


def _is_watched(standing: Standing) -> bool:
    """Whether a model is live beside a hold-out, and returns are bounded."""
    spec, is_live = standing.spec, standing.champion not in (None, BASELINE) and standing.row.anchor is not None
    return is_live and spec.gate.hold_out > 0 and spec.episodes is not None and spec.episodes.max_steps is not None


def _after(deployment: Deployment, standing: Standing) -> EpisodeAccount:
    """What was carried on, with the episodes that have closed since."""
    loop, anchor = standing.spec.loop, standing.row.anchor
    assert anchor is not None, "a line has one"
    account = _carried(deployment, standing)
    if account is None:
        since = since_when(deployment, loop, anchor)
        mean_return = mean_return_before(deployment, loop, since)
        account = begun(_STATE, bounds=bounds_of(standing.spec), mean_return=mean_return, position=since)
    return taken_up(account, held_out_since(deployment, loop, position=account.position), state=_STATE)


def _carried(deployment: Deployment, standing: Standing) -> EpisodeAccount | None:
    """What the last look left of the line as it stands; None where that was about another one."""
    loop, anchor = standing.spec.loop, standing.row.anchor
    text = deployment.registry.challenges.carried(loop, HOLD_OUT)
    if text is None or anchor is None:
        return None
    told = msgspec.json.decode(text)
    if told.get("anchor") != anchor or "account" not in told:
        return None
    account = from_map(told["account"])
    return account if account.position >= since_when(deployment, loop, anchor) else None


def _reason(account: EpisodeAccount) -> Reason | None:
    return None if account.evidence is None else look_at_line(account.evidence, is_of_episodes=True)
