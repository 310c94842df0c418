"""Features constant: a field has the same value in every decision, so that nothing can be learned from it."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination

_FEWEST = 1000  # decisions; in fewer a rare value may just not have come
_MOST_NAMES = 5


def find(examination: Examination) -> Cause | None:
    """The cause, where a field that is sent never varies."""
    columns = examination.columns
    if len(columns) < _FEWEST:
        return None
    constant = {name: values[0] for name, values in columns.values.items() if values[0] is not None and len(set(values)) == 1}
    if not constant:
        return None
    told = ", ".join(f"'{name}' is always {_shown(value)}" for name, value in list(constant.items())[:_MOST_NAMES])
    more = f", and {len(constant) - _MOST_NAMES} more never vary" if len(constant) > _MOST_NAMES else ""
    return Cause(
        name="features-constant",
        severity="slows",
        sentence=f"{told}{more} in the {len(columns):,} newest decisions.",
        advice="Does the client send the real value, or a default? A field that cannot vary is best taken out of the context.",
        share=len(constant) / len(columns.values),
        numbers={"fields": float(len(constant)), "decisions": float(len(columns))},
    )


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
