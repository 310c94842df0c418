"""Evaluations as the two generations of clients read them.

Question answered: how do the kept sums look in the older styles, which show numerators and denominators, and in the newest,
which shows values with intervals?
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from policyloop.core.clock import US_PER_S, iso
from policyloop.interop.personalizer.evaluation import KeptEvaluation, Result, Sums, added, together, total_of
from policyloop.interop.personalizer.iso_duration import show_duration

_NEW_STATUS = {"pending": "Running", "completed": "Succeeded", "failed": "Failed"}


def in_older_styles(evaluation_id: str, kept: KeptEvaluation) -> dict[str, Any]:
    """One evaluation for v1.0 and v1.1."""
    return _head(evaluation_id, kept) | {
        "jobId": kept.job,
        "status": kept.state,
        "policyResults": [_policy_result(result, kept) for result in kept.results],
        "featureImportance": [],
    }


def in_newest_style(evaluation_id: str, kept: KeptEvaluation) -> dict[str, Any]:
    """One evaluation for 2022-09-01-preview, as lists have it."""
    description = {} if kept.why is None else {"description": kept.why}
    return _head(evaluation_id, kept) | {"status": _NEW_STATUS[kept.state]} | description


def content_of(kept: KeptEvaluation, *, start: int, end: int, interval_min: int, is_rolling: bool) -> dict[str, Any]:
    """The values of a stretch of time, for 2022-09-01-preview; an expanding window adds up what came before."""
    stretch_s = max(interval_min * 60, kept.stretch_s)
    values = []
    for result in kept.results:
        inside = [one for one in together(result.sums, stretch_s=stretch_s) if start <= one.at < end]
        steps = inside if is_rolling else list(accumulate(inside, _expanded))
        values.append(
            {
                "name": result.name,
                "arguments": result.arguments,
                "policySource": result.source,
                "slotId": "",
                "summary": _valued(total_of(inside, at=start)),
                "timeseries": {"data": [{"timeStamp": iso(step.at)} | _valued(step) for step in steps]},
            }
        )
    return {"startTime": iso(start), "endTime": iso(end), "intervalInMinutes": stretch_s // 60, "value": values}


def _head(evaluation_id: str, kept: KeptEvaluation) -> dict[str, Any]:
    contract = kept.contract
    return {
        "id": evaluation_id,
        "name": contract.name,
        "startTime": contract.startTime,
        "endTime": contract.endTime,
        "evaluationType": "Manual",
        "creationTime": kept.created_at,
    }


def _policy_result(result: Result, kept: KeptEvaluation) -> dict[str, Any]:
    first = result.sums[0].at if result.sums else 0
    last = result.sums[-1].at + kept.stretch_s * US_PER_S if result.sums else 0
    return {
        "name": result.name,
        "arguments": result.arguments,
        "policySource": result.source,
        "summary": [_summary(one, kept.stretch_s) for one in result.sums],
        "totalSummary": _summary(total_of(result.sums, at=first), (last - first) / US_PER_S),
    }


def _summary(sums: Sums, window_s: float) -> dict[str, Any]:
    return {
        "timeStamp": iso(sums.at),
        "ipsEstimatorNumerator": sums.wr,
        "ipsEstimatorDenominator": float(sums.n),
        "snipsEstimatorDenominator": sums.w,
        "aggregateTimeWindow": show_duration(window_s),
        "nonZeroProbability": sums.n_nonzero / sums.n if sums.n else 0.0,
        "sumOfSquares": sums.wr_squared,
        "confidenceInterval": sums.half_width,
        "averageReward": sums.value,
    }


def _valued(sums: Sums) -> dict[str, Any]:
    return {
        "expectedReward": sums.value,
        "confidenceInterval": [sums.value - sums.half_width, sums.value + sums.half_width],
    }


def _expanded(before: Sums, one: Sums) -> Sums:
    whole = added(before, one)
    return Sums(one.at, whole.n, whole.n_nonzero, whole.w, whole.wr, whole.wr_squared)
