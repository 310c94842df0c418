"""Window too short: outcomes happen after the window has closed; they are stored, and in no reward."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.clock import US_PER_S
from policyloop.core.duration import show_duration
from policyloop.lake.schema import DECISIONS, OUTCOMES
from policyloop.lake.sql import Session
from policyloop.lake.tables import in_hours

_MANY = 0.05  # share of the declared outcomes
_FEWEST = 20
_NEARLY_ALL = 0.99
_LAST_TENTH = 0.9  # of the window
_STEPS_S = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400)  # what a window is rounded up to a multiple of
_MOST_STEPS = 6  # of one size, then the next size is taken

_DELAYS = """
SELECT coalesce(o.occurred_at, o.received_at) - d.decided_at AS delay
FROM outcomes o JOIN decisions d USING (decision_id) JOIN names n USING (name)
"""


def find(examination: Examination) -> Cause | None:
    """The cause, where more than one declared outcome in twenty happened too late."""
    recent, window_s = examination.recent, examination.spec.reward.window_s
    n_declared = recent.outcomes - recent.orphan - recent.unplaced - recent.undeclared
    if recent.happened_late < _FEWEST or recent.happened_late <= _MANY * n_declared:
        return None
    delay_s = _delays_s(examination)
    in_time = delay_s[delay_s < window_s]
    at_end = float((in_time >= _LAST_TENTH * window_s).mean()) if len(in_time) else None
    nearly_all_s = float(np.quantile(delay_s, _NEARLY_ALL))
    share = recent.happened_late / n_declared
    told = "" if at_end is None else f" Of those in time, {at_end:.0%} happened in the last tenth of the window."
    return Cause(
        name="window-too-short",
        severity="misleads",
        sentence=(
            f"{recent.happened_late:,} of {n_declared:,} outcomes ({share:.1%}) happened after reward.window "
            f"({show_duration(window_s)}) was over, and are in no reward.{told}"
        ),
        advice=(
            f"99 % of what is reported happens within {show_duration(_rounded_s(nearly_all_s))}: apply a loop file with that "
            f"as reward.window. While a model is live it has to be a new loop, under another name."
        ),
        share=share,
        numbers={
            "late": float(recent.happened_late),
            "outcomes": float(n_declared),
            "delay_99_s": nearly_all_s,
            "at_end": at_end,
        },
    )


def _delays_s(examination: Examination) -> NDArray[np.float64]:
    """(m,) how long after their decisions the declared outcomes of the newest day happened."""
    lake, where = examination.deployment.lake, in_hours(examination.loop, *examination.recent_hours)
    tables = {
        "outcomes": lake.rows(OUTCOMES, where=where, columns=("decision_id", "name", "occurred_at", "received_at")),
        "decisions": lake.rows(DECISIONS, where=where, columns=("decision_id", "decided_at")),
        "names": pa.table({"name": list(examination.spec.outcomes)}),
    }
    with Session(tables) as session:
        delay = session.query(_DELAYS)["delay"].to_numpy()
    return np.maximum(np.asarray(delay, dtype=np.float64) / US_PER_S, 0.0)


def _rounded_s(seconds: float) -> float:
    """The next round duration above."""
    step = next((step for step in _STEPS_S if seconds <= _MOST_STEPS * step), _STEPS_S[-1])
    return float(np.ceil(max(seconds, 1.0) / step) * step)
