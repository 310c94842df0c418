"""Outages: hours in which far fewer decisions than usual found an outcome, since reports were lost, not interest.

Question answered: which hours must not be learned from for now? An outage is not a zero reward. An hour is held back
when its join rate is less than half of the loop's usual one, by more than chance; it is let in again when a person
releases it or when it is a day old, since by then late outcomes have come or the rate is what it is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Set
from datetime import UTC, datetime

from policyloop.core.clock import US_PER_S
from policyloop.join.audit import Audit

_FEWEST_EXAMPLES = 50  # in an hour, to say anything about its rate
_FEWEST_HOURS = 3  # others, to know what is usual
_SUSPICIOUS_SHARE = 0.5  # of the usual rate
_SURE_SIGMA = 4.0
_AGED_S = 24 * 3600


def held_back(audits: Mapping[str, Audit], *, now_us: int, released: Set[str] = frozenset()) -> list[str]:
    """The hours that training leaves out, oldest first.

    Args:
        audits: by hour (`2026-11-01T07`).
        now_us: the time, microseconds since 1970 UTC.
        released: hours that a person let in.
    """
    rated = {hour: a for hour, a in audits.items() if a.examples >= _FEWEST_EXAMPLES}
    return [hour for hour in sorted(rated) if hour not in released and _is_young(hour, now_us) and _looks_wrong(hour, rated)]


def _looks_wrong(hour: str, rated: Mapping[str, Audit]) -> bool:
    others = [audit.join_rate for other, audit in rated.items() if other != hour]
    if len(others) < _FEWEST_HOURS:
        return False
    usual = statistics.median(others)
    found = rated[hour]
    chance = _SURE_SIGMA * math.sqrt(usual * (1 - usual) / found.examples)
    return found.join_rate < min(_SUSPICIOUS_SHARE * usual, usual - chance)


def _is_young(hour: str, now_us: int) -> bool:
    began_s = datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC).timestamp()
    return now_us / US_PER_S - began_s < _AGED_S + 3600
