"""Loop specs for the join's tests."""

from dataclasses import replace

from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, Field, LoopSpec, OutcomeSpec, RewardSpec
from some_events import LOOP

OUTCOMES = {
    "clicked": OutcomeSpec(name="clicked", type="boolean", take="max"),
    "dwell_s": OutcomeSpec(name="dwell_s", take="last", missing=6.0),
    "cost": OutcomeSpec(name="cost", take="sum"),
}


def a_spec(*, outcomes=None, expression="clicked + 0.1 * min(dwell_s, 60) / 60 - cost", **reward):
    names = outcomes or OUTCOMES
    parsed = Expression.parse(expression, names)
    fields = {"low": -1.0, "high": 1.1, "window_s": 600.0} | reward
    return LoopSpec(
        loop=LOOP,
        context={"hour": Field(name="hour", type="integer", min=0, max=23)},
        actions=ActionSpec(kind="discrete", labels=("calm", "bold", "playful")),
        outcomes=names,
        reward=RewardSpec(expression=parsed, **fields),
        baseline="calm",
        digest="5" * 32,
    )


def taking(spec, name, take):
    """The spec with another aggregation for one name."""
    return replace(spec, outcomes={**spec.outcomes, name: replace(spec.outcomes[name], take=take)})
