"""The rule proven-better: proof promotes, proof of the contrary retires, a tie waits, and luck on few events is no proof."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import begin, update
from policyloop.gate.limits import Limits
from policyloop.gate.rules import proven_better
from policyloop.gate.verdict import Call, verdict_of

LIMITS = Limits(below=2.0, above=2.0, low=0.0, ceiling=1.0)


def evidence_of(phi, *, weight=None, is_telling=True):
    values = np.asarray(phi, dtype=np.float64)
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    chunk = Chunk(phi=values, weight=weights, is_telling=np.full(len(values), is_telling))
    return update(begin(LIMITS), chunk, limits=LIMITS)


def judged(evidence, **settings):
    return proven_better.create_challenge(**settings).judge(evidence, floor=0.1)


BETTER = evidence_of([1.0, -0.5] * 1000)
WORSE = evidence_of([-1.0, 0.5] * 1000)
TIE = evidence_of([1.0, -1.0] * 1000)


def test_proof_promotes_and_says_how_sure_it_is():
    (reason,) = judged(BETTER)

    assert reason.call == Call.PROMOTE
    assert reason.sentence.startswith("Proven better in 2,000 events: it earns +0.25 a decision beside the champion, 95 % sure")
    assert "20 to 1 is asked for" in reason.sentence
    assert reason.numbers["e_better"] >= 20
    assert reason.numbers["difference"] == pytest.approx(0.25)
    assert 0 < reason.numbers["low"] < 0.25 < reason.numbers["high"]


def test_proof_of_the_contrary_retires():
    (reason,) = judged(WORSE)

    assert reason.call == Call.RETIRE
    assert reason.sentence.startswith("Worse than the champion: in 2,000 events it earns -0.25 a decision beside it")
    assert reason.numbers["e_worse"] >= 20


def test_a_tie_never_goes_live():
    (reason,) = judged(TIE)

    assert reason.call == Call.INCONCLUSIVE
    assert reason.sentence.startswith("Not settled after 2,000 events: it earns +0 a decision")
    assert reason.sentence.endswith("A tie never goes live.")


def test_a_smaller_alpha_asks_for_more():
    evidence = evidence_of([1.0, -0.5] * 60)

    assert 20 <= evidence.e_better < 1000
    assert judged(evidence)[0].call == Call.PROMOTE
    assert judged(evidence, alpha=0.001)[0].call == Call.INCONCLUSIVE


def test_proof_on_few_events_waits_and_says_for_what():
    reasons = judged(evidence_of([1.0, -0.5] * 60, is_telling=False))

    assert verdict_of(reasons) == Call.INCONCLUSIVE
    told = " ".join(reason.sentence for reason in reasons[1:])
    assert "120 events have matured; a promotion waits for 1,000." in told
    assert "0 events took the challenger's favourite where the champion has another; a promotion waits for 20." in told
    assert "The events weigh as much as 120 equal ones; a promotion waits for 200." in told


def test_proof_that_rests_on_one_event_waits():
    weight = np.ones(2000)
    weight[7] = 20.0  # 400 of the 2,399 squared weights
    reasons = judged(evidence_of([1.0, -0.5] * 1000, weight=weight))

    assert verdict_of(reasons) == Call.INCONCLUSIVE
    assert reasons[1].sentence == (
        "One event carries 17 % of the squared weight; a promotion waits until none carries more than 10 %."
    )


@pytest.mark.parametrize(
    ("n", "n_telling", "ess", "call"),
    [
        (1000, 20, 200, Call.PROMOTE),
        (999, 20, 200, Call.INCONCLUSIVE),
        (1000, 19, 200, Call.INCONCLUSIVE),
        (1000, 20, 199, Call.INCONCLUSIVE),
    ],
)
def test_the_minimum_is_where_the_design_puts_it(n, n_telling, ess, call):
    evidence = replace(BETTER, n=n, n_telling=n_telling, weight=float(ess), weight_squares=float(ess))

    assert verdict_of(judged(evidence)) == call


def test_without_a_floor_it_is_refused():
    (reason,) = proven_better.create_challenge().judge(BETTER, floor=0.0)

    assert reason.call == Call.REFUSE
    assert "explore.floor is 0" in reason.sentence


def test_actions_that_were_never_served_are_refused():
    (reason,) = proven_better.create_challenge().judge(BETTER, floor=0.1, n_uncovered=12)

    assert reason.call == Call.REFUSE
    assert reason.sentence.startswith("At 12 events the challenger would take an action that was served with probability 0")


@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0, float("nan")])
def test_an_alpha_that_is_no_level_is_refused(alpha):
    with pytest.raises(BadSetting, match=r"gate\.challenge\.alpha is"):
        proven_better.create_challenge(alpha=alpha)
