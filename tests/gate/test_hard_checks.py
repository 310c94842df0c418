"""Hard checks: a model that works passes all; each way of being broken is refused with its reason."""

from dataclasses import dataclass

import numpy as np
import pytest

from policyloop.gate.canary import canary_of
from policyloop.gate.hard_checks import LATENCY_BUDGET_S, check


@dataclass(frozen=True)
class Answers:
    """Wraps a policy and changes its answers."""

    inner: object
    change: object

    def probabilities(self, context, actions):
        return self.change(self.inner.probabilities(context, actions), actions.allowed)

    def probabilities_of_many(self, contexts, allowed, candidates=None):
        return self.change(self.inner.probabilities_of_many(contexts, allowed), allowed)


class SlowClock:
    """Each look at it is two budgets later."""

    def __init__(self) -> None:
        self.now = 0.0

    def now_us(self) -> int:
        return 0

    def monotonic_s(self) -> float:
        self.now += 2 * LATENCY_BUDGET_S
        return self.now


def failed(policy, spec, clock, floor=0.1):
    reasons = check(policy, canary_of(spec, []), labels=spec.labels, floor=floor, clock=clock)
    return {reason.name: reason.sentence for reason in reasons if not reason.is_passed}


def raises(pmf, allowed):
    raise ZeroDivisionError("by a feature")


def test_a_sound_policy_passes_every_check(policy_of, spec, clock):
    reasons = check(policy_of(), canary_of(spec, []), labels=spec.labels, floor=0.1, clock=clock)

    assert [reason.name for reason in reasons] == ["runs", "finite", "probabilities", "floor", "latency"]
    assert all(reason.is_passed for reason in reasons)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda pmf, allowed: pmf * np.nan, ("finite", "18 canary decisions have probabilities that are no number")),
        (lambda pmf, allowed: pmf * 1.01, ("probabilities", "sums differ from 1 by up to 0.01")),
        (lambda pmf, allowed: np.full(pmf.shape, 1 / 3), ("probabilities", "masked actions get up to 0.333")),
        (lambda pmf, allowed: pmf[..., :2], ("runs", "shape (2,); expected (3,)")),
        (raises, ("runs", "It breaks on a canary decision: ZeroDivisionError: by a feature")),
    ],
)
def test_a_broken_policy_is_refused_with_the_reason(policy_of, spec, clock, change, expected):
    check_name, words = expected

    got = failed(Answers(policy_of(), change), spec, clock)

    assert words in got[check_name]


def test_a_floor_that_is_not_kept_is_refused(policy_of, spec, clock):
    got = failed(policy_of(floor=0.05), spec, clock, floor=0.1)

    assert list(got) == ["floor"]
    assert "falls short of its share of the floor 0.1 by 0.025" in got["floor"]  # (.1 - .05) / 2 with one masked


def test_a_slow_policy_is_refused(policy_of, spec):
    got = failed(policy_of(), spec, SlowClock())

    assert got == {"latency": "A decision takes 10,000 us in the middle, of 5,000 us allowed."}
