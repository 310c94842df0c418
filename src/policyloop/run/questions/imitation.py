"""How well an apprentice does: how often it would have done what was done, and what that earned.

Question answered: may it act by now? Looked at are the decisions that it watched, with the rewards of those that are settled.
"""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.clock import hour_of
from policyloop.core.shadow import read_shadow
from policyloop.lake.schema import DECISIONS, EXAMPLES
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.views import latest


class Imitation(msgspec.Struct, frozen=True):
    """Watched decisions, added up."""

    n_events: int = 0
    n_imitated: int = 0  # the apprentice's most probable action was the one that was carried out
    rewards: float = 0.0
    imitated_rewards: float = 0.0
    last_at: int = 0  # when the last one was decided, microseconds since 1970 UTC

    def __add__(self, other: Imitation) -> Imitation:
        return Imitation(
            self.n_events + other.n_events,
            self.n_imitated + other.n_imitated,
            self.rewards + other.rewards,
            self.imitated_rewards + other.imitated_rewards,
            max(self.last_at, other.last_at),
        )


def imitation_by_hour(lake: Lake, loop: str, *, since: int) -> list[Imitation]:
    """One entry for each hour with settled decisions that were watched, oldest first.

    Args:
        since: microseconds; decisions before do not count.
    """
    if not (lake.exists(DECISIONS) and lake.exists(EXAMPLES)):
        return []
    hours = [hour for hour in lake.hours(EXAMPLES, loop=loop) if hour >= hour_of(since)]
    found = [_of_hour(lake, loop, hour, since) for hour in hours]
    return [one for one in found if one.n_events]


def _of_hour(lake: Lake, loop: str, hour: str, since: int) -> Imitation:
    where = in_hours(loop, hour)
    watched = lake.rows(DECISIONS, where=f"{where} AND shadow IS NOT NULL", columns=["decision_id", "shadow"])
    shadows = _of_apprentices(watched)
    columns = ["decision_id", "version", "hour", "action", "reward", "decided_at"]
    settled = latest(lake.rows(EXAMPLES, where=f"{where} AND decided_at >= {since:d}", columns=columns))
    rows = settled.filter(pc.is_in(settled["decision_id"], value_set=pa.array(list(shadows), pa.string())))
    total = Imitation()
    for row in rows.set_column(5, "decided_at", rows["decided_at"].cast(pa.int64())).to_pylist():
        pmf = shadows[row["decision_id"]]
        is_imitated = pmf.index(max(pmf)) == row["action"][0]
        reward = row["reward"]
        total += Imitation(1, int(is_imitated), reward, reward if is_imitated else 0.0, row["decided_at"])
    return total


def _of_apprentices(rows: pa.Table) -> dict[str, list[float]]:
    """By decision, what an apprentice would have drawn from; what a challenger was asked is no such thing."""
    shadows = zip(rows["decision_id"].to_pylist(), map(read_shadow, rows["shadow"].to_pylist()), strict=True)
    return {name: told for name, shadow in shadows if shadow.is_apprentice and (told := shadow.probabilities) is not None}
