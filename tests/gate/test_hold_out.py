"""The hold-out: a line of models that earns less than the baseline is rolled back, on evidence that lasts."""

import numpy as np

from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import begin, update
from policyloop.gate.hold_out import look_at_line
from policyloop.gate.limits import Limits
from policyloop.gate.verdict import Call

LIMITS = Limits(below=2.0, above=2.0, low=0.0, ceiling=1.0)


def line(phi):
    values = np.asarray(phi, dtype=np.float64)
    return update(begin(LIMITS), Chunk(phi=values, weight=np.ones(len(values)), is_telling=values > 0), limits=LIMITS)


def test_a_line_that_is_worse_than_the_baseline_is_rolled_back():
    reason = look_at_line(line([-1.0, 0.5] * 500))

    assert reason.call == Call.ROLLBACK
    assert reason.sentence.startswith(
        "The line earns -0.25 a decision beside the baseline in 1,000 events, 99 % sure at most -0"
    )
    assert reason.numbers["e_worse"] >= reason.numbers["needed"] == 100


def test_a_line_that_is_as_good_stays():
    reason = look_at_line(line([-1.0, 1.0] * 500))

    assert reason.call == Call.INCONCLUSIVE
    assert reason.sentence.endswith("no harm is proven.")


def test_nothing_is_said_before_anything_has_matured():
    assert look_at_line(line([])).sentence == "Nothing of the hold-out has matured yet."
