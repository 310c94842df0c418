"""Features drifting: a field's values are others now than earlier, so that what was learned is about another traffic."""

from __future__ import annotations

import numpy as np

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.columns import Columns
from policyloop.care.doctor.drift import Drift, drift
from policyloop.care.doctor.examination import Examination

_FEWEST = 500  # decisions with the field
_MUCH = 0.2  # of the distribution; less changes little of what is best
_ALPHA = 0.01  # over all fields together
_MOST_NAMES = 3
_OF_ALONE = (
    "If the client changed, mend it. If the world did, let newer examples count more: a shorter train.window, or "
    "train.half_life."
)
_OF_EPISODES = (
    "Decisions of one policy were compared, so it is not who plays. If the client changed, mend it. If the world did, play "
    "more of it; a `train.window` would also leave out all history that is older, counted back from the newest decision."
)


def find(examination: Examination) -> Cause | None:
    """The cause, where the later half of the newest decisions is unlike the earlier."""
    columns = examination.columns
    found = {name: one for name in columns.values if (one := _drift(columns, name)) is not None}
    if not found:
        return None
    worst = sorted(found, key=lambda name: -found[name].moved)
    told = "; ".join(f"'{name}': {found[name].told}" for name in worst[:_MOST_NAMES])
    more = f"; and {len(worst) - _MOST_NAMES} more fields" if len(worst) > _MOST_NAMES else ""
    most = found[worst[0]]
    return Cause(
        name="features-drifting",
        severity="misleads",
        sentence=f"The later half of the newest decisions is unlike the earlier: {told}{more}.",
        advice=_OF_ALONE if examination.spec.episodes is None else _OF_EPISODES,
        share=most.moved,
        numbers={"fields": float(len(worst)), "moved": most.moved, "p_value": most.p_value, "decisions": float(most.n)},
    )


def _drift(columns: Columns, name: str) -> Drift | None:
    """How a field moved, where that is beyond chance and enough to matter."""
    values = columns.values[name]
    there = np.array([value is not None for value in values], dtype=bool)
    if there.sum() < _FEWEST:
        return None
    kept = [value for value in values if value is not None]
    found = drift(kept, is_late=columns.is_late[there], stratum=columns.stratum[there], n_together=columns.n_together)
    is_seen = found is not None and found.moved >= _MUCH and found.p_value <= _ALPHA / len(columns.values)
    return found if is_seen else None
