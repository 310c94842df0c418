"""Misspelt names: outcomes come under names that the loop does not declare; they are stored, and never in the reward."""

from __future__ import annotations

from collections import Counter

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.errors import nearest
from policyloop.core.event import RESERVED_OUTCOMES
from policyloop.lake.rows import NAMELESS
from policyloop.lake.schema import OUTCOMES
from policyloop.lake.tables import in_hours

_MANY = 0.001  # share of the outcomes; fewer are somebody's experiment
_MOST_NAMES = 5
_LONGEST_NAME = 60


def find(examination: Examination) -> Cause | None:
    """The cause, where more than one outcome in a thousand has an undeclared name."""
    recent = examination.recent
    if recent.undeclared <= _MANY * recent.outcomes:
        return None
    strangers = _strangers(examination)
    told = [_told(name, n, list(examination.spec.outcomes)) for name, n in strangers.most_common(_MOST_NAMES)]
    more = f" and {len(strangers) - _MOST_NAMES} more" if len(strangers) > _MOST_NAMES else ""
    is_near = any(nearest(name[:_LONGEST_NAME], examination.spec.outcomes) for name in strangers)
    return Cause(
        name="misspelt-names",
        severity="stops" if recent.joined == 0 else "misleads" if is_near else "slows",
        sentence=(
            f"{recent.undeclared:,} of {recent.outcomes:,} outcomes have names that the loop does not declare, and are in no "
            f"reward: {', '.join(told)}{more}."
        ),
        advice=(
            "Send the declared names, or declare these under `outcomes:` and use them in reward.expression; what is stored "
            "counts from then on."
        ),
        share=recent.undeclared / recent.outcomes,
        numbers={"undeclared": float(recent.undeclared), "outcomes": float(recent.outcomes)},
    )


def _strangers(examination: Examination) -> Counter[str]:
    """Undeclared names of the newest day, and how often each came."""
    hours = examination.recent_hours
    found: Counter[str] = Counter()
    if hours:
        rows = examination.deployment.lake.rows(OUTCOMES, where=in_hours(examination.loop, *hours), columns=("name",))
        found.update(rows["name"].to_pylist())
    known = {*examination.spec.outcomes, *RESERVED_OUTCOMES, NAMELESS}
    return Counter({name: n for name, n in found.items() if name not in known})


def _told(name: str, n: int, declared: list[str]) -> str:
    """`'clickd' (340 times; did you mean 'clicked'?)`."""
    shown = name[:_LONGEST_NAME]
    near = nearest(shown, declared)
    hint = f"; did you mean '{near}'?" if near else ""
    return f"'{shown}' ({n:,} times{hint})"
