"""The loop that tests of ingest and serve stand on: a front page with one field of each type and three layouts."""

from dataclasses import replace
from typing import Any

from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, Field, LoopSpec, OutcomeSpec, RewardSpec

SALT = b"a salt of thirty-two bytes, yes!"
NOW_US = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z

CONTEXT: dict[str, Any] = {"hour": 9, "device": "phone", "price": 12.5, "is_member": True}

FIELDS = (
    Field(name="hour", type="integer", min=0, max=23),
    Field(name="device", type="category", values=("phone", "tablet", "desktop")),
    Field(name="price", type="number", min=0.0),
    Field(name="is_member", type="boolean"),
    Field(name="query", type="text", optional=True),
    Field(name="tags", type="array", items="category", max_items=3, default=[]),
    Field(name="recent", type="array", items="number", optional=True),
    Field(name="campaign", type="category", optional=True),
)


def front_page(*fields: Field, **changes: Any) -> LoopSpec:
    """The spec, with other fields or other parts where a test needs them."""
    outcomes = {
        "clicked": OutcomeSpec(name="clicked", type="boolean", take="max"),
        "dwell_s": OutcomeSpec(name="dwell_s", min=0.0, max=3600.0, take="last"),
    }
    spec = LoopSpec(
        loop="front-page",
        context={field.name: field for field in (fields or FIELDS)},
        actions=ActionSpec(kind="discrete", labels=("calm", "bold", "playful")),
        outcomes=outcomes,
        reward=RewardSpec(expression=Expression.parse("clicked", outcomes), low=0.0, high=1.0, window_s=600.0),
        baseline="calm",
        digest="0123456789abcdef0123456789abcdef",
    )
    return replace(spec, **changes)
