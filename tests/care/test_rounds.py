"""The doctor's rounds: what is wrong, and what waits for a person, is found in a process of its own."""

import pytest

from policyloop.care.rounds import causes_of, examiner
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import Step
from policyloop.gate.verdict import Call, Reason, Verdict
from shop import SHOP


@pytest.fixture
def frozen(clinic):
    """A loop that a person froze."""
    opened = clinic()
    opened.visit(80)
    opened.settle()
    opened.log.close()
    opened.deployment.registry.freeze("shop", why="a look at the log")
    return opened


def test_an_examination_in_its_own_process_finds_what_one_in_this_process_does(frozen):
    by_child = examiner(frozen.deployment.home)("shop")

    assert "The loop is frozen: models are trained and judged, and none is promoted." in by_child["held-by-person"]
    assert "`policyloop gate unfreeze shop` ends it." in by_child["held-by-person"]
    assert set(by_child) == set(causes_of(frozen.deployment, "shop"))


def test_an_examination_that_dies_says_so(frozen):
    with pytest.raises(RuntimeError, match="the examination of loop 'shap' ended without an answer"):
        examiner(frozen.deployment.home)("shap")


def test_a_proven_challenge_that_waits_for_a_person_is_told(clinic):
    opened = clinic()
    opened.visit(80)
    opened.refresh()
    registry = opened.deployment.registry
    wanted = read_spec({**SHOP, "gate": {"approval": "manual"}, "explore": {"name": "squarecb", "floor": 0.2}})
    challenge = registry.challenges.begin("shop", wanted, why="to see")

    before = causes_of(opened.deployment, "shop")
    reason = Reason(name="proven-better", call=Call.PROMOTE, sentence="Proven better.")
    step = Step(state=challenge.state, call=Call.PROMOTE, reasons=(reason,), is_waiting=True)
    champion = registry.standing("shop").champion
    verdict = Verdict(
        kind="challenge", call=Call.PROMOTE, model=champion, champion=champion, anchor=champion, reasons=(reason,)
    )
    registry.challenges.take(challenge, step, verdict=verdict, evidence=None)
    after = causes_of(opened.deployment, "shop")

    (name,) = set(after) - set(before)
    assert after[name] == f"Challenge {challenge.id} is proven, and waits for a person: `policyloop gate approve shop`."
