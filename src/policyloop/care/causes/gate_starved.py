"""Gate starved: the log hardly ever did what the newest model would do, so that nothing can be said of it."""

from __future__ import annotations

import math

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.errors import PolicyloopError
from policyloop.core.model import short
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.overlap import Overlap, overlap
from policyloop.gate.rules.proven_better import LARGEST_SHARE, SMALLEST_ESS

_FEWEST = 1000  # evaluation events; with fewer a loop is young, not starved


def find(examination: Examination) -> Cause | None:
    """The cause, where the newest model's weights leave too few effective events."""
    rows, newest = examination.evidence, examination.newest_model
    if newest is None or len(rows) < _FEWEST:
        return None
    try:
        policy = examination.entrant(newest.model).policy
    except PolicyloopError:  # it is not here, or not whole; what is said of models tells that
        return None
    pmf = policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates)
    found = overlap(rows.propensity, taken(pmf, rows.action))
    if found.ess >= SMALLEST_ESS and found.largest_share <= LARGEST_SHARE:
        return None
    return _cause(newest.model, found, needed=_needed(found, 1 - examination.spec.train.split))


def _needed(found: Overlap, eval_share: float) -> int | None:
    """Decisions until there is enough, if the traffic goes on like that; None: never."""
    if found.ess < 1 or eval_share <= 0:
        return None
    return math.ceil(max(SMALLEST_ESS / found.ess, found.largest_share / LARGEST_SHARE) * found.n / eval_share)


def _cause(model: str, found: Overlap, *, needed: int | None) -> Cause:
    told = "" if needed is None else f" As things are, about {needed:,} decisions would be enough."
    return Cause(
        name="gate-starved",
        severity="slows",
        sentence=(
            f"The log says little about the newest model {short(model)}: to it {found.n:,} evaluation events are worth "
            f"{found.ess:,.0f} ({SMALLEST_ESS:g} are needed), and one event has {found.largest_share:.1%} of the squared "
            f"weight ({LARGEST_SHARE:.0%} at most).{told}"
        ),
        advice="Raise explore.floor so that every action is seen; a challenge uses a canary for the same reason.",
        share=1 - found.ess / found.n,
        numbers={"n": float(found.n), "ess": found.ess, "largest_share": found.largest_share},
    )
