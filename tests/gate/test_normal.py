"""The rule normal: the interval of a single look, which everybody knows and nobody should look at twice."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import begin, update
from policyloop.gate.limits import Limits
from policyloop.gate.rules import normal
from policyloop.gate.verdict import Call

LIMITS = Limits(below=2.0, above=2.0, low=0.0, ceiling=1.0)


def judged(phi):
    values = np.asarray(phi, dtype=np.float64)
    chunk = Chunk(phi=values, weight=np.ones(len(values)), is_telling=values > 0)
    (reason,) = normal.create_challenge().judge(update(begin(LIMITS), chunk, limits=LIMITS), floor=0.1)
    return reason


def test_the_interval_by_hand():
    """Mean .5; squares of the deviations 4 in all, so the standard error is sqrt(4 / 3) / 2 = .57735; 1.645 of them."""
    reason = judged([1.5, -0.5, 1.5, -0.5])

    assert reason.numbers["low"] == pytest.approx(0.5 - 1.644854 * 0.577350, abs=1e-5)
    assert reason.call == Call.INCONCLUSIVE


def test_it_promotes_on_a_handful_of_lucky_events():
    assert judged([0.4, 0.5, 0.6]).call == Call.PROMOTE


def test_it_never_gives_up():
    assert judged([-0.4, -0.5, -0.6] * 1000).call == Call.INCONCLUSIVE


def test_an_alpha_that_is_no_level_is_refused():
    with pytest.raises(BadSetting, match=r"gate\.challenge\.alpha is 0\.7"):
        normal.create_challenge(alpha=0.7)
