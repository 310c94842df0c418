"""The fake client for users' own tests: the real one's methods, a script, and a memory of what was reported."""

import inspect

import pytest

from policyloop.client import Client, Receipt, Refused, Unavailable
from policyloop.testing import FakeClient


@pytest.fixture
def fake():
    return FakeClient({"front-page": ["calm", "bold", "playful"]}, script=["bold"])


def test_it_has_the_real_client_s_methods_with_the_same_signatures():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(method) == inspect.signature(getattr(FakeClient, name)), name


def test_it_plays_its_script_and_then_the_first_label(fake):
    actions = [fake.decide("front-page", {"hour": h}).action for h in range(3)]

    assert actions == ["bold", "calm", "calm"]
    assert [fake.contexts[a.decision_id] for a in fake.decisions] == [{"hour": 0}, {"hour": 1}, {"hour": 2}]


def test_it_takes_a_candidate_that_the_caller_brings():
    fake = FakeClient({"hats": ()})
    name = fake.register_actions("hats", [{"id": "beret"}, {"id": "fez"}])

    assert fake.decide("hats", {}, actions=[{"id": "bowler"}, {"id": "beret"}], exclude=["bowler"]).action == "beret"
    assert fake.decide("hats", {}, action_set=name, default="fez").action == "beret"
    assert fake.decide("hats", {}, action_set=name, exclude=["beret"], n=2).ranking == ("fez",)
    with pytest.raises(Refused, match="no set is named 'b-set'"):
        fake.decide("hats", {}, action_set="b-set")


def test_it_takes_no_action_that_is_masked_or_excluded():
    fake = FakeClient({"front-page": ["calm", "bold"]}, script=[])

    assert fake.decide("front-page", {}, exclude=["calm"]).action == "bold"
    assert fake.decide("front-page", {}, mask=[False, True], pmf=True).pmf == (0.0, 1.0)
    with pytest.raises(Refused, match="no action is left"):
        fake.decide("front-page", {}, mask=[False, False])


def test_it_remembers_what_was_reported_on_each_decision(fake):
    answer = fake.decide("front-page", {})
    other = fake.decide("front-page", {})

    receipt = fake.outcome(answer, clicked=True)
    fake.outcome(answer.decision_id, {"dwell_s": 3.0}, loop="front-page", final=True)
    fake.activate(other)

    assert receipt == Receipt(accepted=1)
    assert fake.outcomes_of(answer) == {"clicked": True, "dwell_s": 3.0}
    assert fake.outcomes_of(other) == {}
    assert fake.activated == [other.decision_id]


def test_it_plays_an_outage(fake):
    logged = fake.decide("front-page", {})
    fake.is_away = True

    answer = fake.decide("front-page", {}, default="playful")

    assert (answer.action, answer.logged, answer.fallback) == ("playful", False, True)
    assert fake.outcome(answer, clicked=True) == Receipt(dropped=1)
    assert fake.outcome(logged, clicked=True) == Receipt(spooled=1)
    with pytest.raises(Unavailable):
        fake.decide("front-page", {})
    with pytest.raises(Unavailable):
        fake.track([])


def test_the_same_id_gives_the_same_answer_and_another_context_is_a_conflict(fake):
    first = fake.decide("front-page", {"hour": 1}, decision_id="d1")

    assert fake.decide("front-page", {"hour": 1}, decision_id="d1") is first
    with pytest.raises(Refused) as raised:
        fake.decide("front-page", {"hour": 2}, decision_id="d1")
    assert raised.value.code == "decision_conflict"


def test_a_loop_that_is_not_there_is_refused(fake):
    with pytest.raises(Refused, match="no loop is named 'front'; known: front-page"):
        fake.decide("front", {}, default="calm")


def test_a_script_with_an_unknown_action_is_refused():
    fake = FakeClient({"front-page": ["calm"]}, script=["cool"])

    with pytest.raises(Refused, match="the script says 'cool'; expected one of calm"):
        fake.decide("front-page", {})


def test_tracked_events_are_kept(fake):
    events = [{"type": "activation", "loop": "front-page", "decision_id": "d1"}]

    assert fake.track(events) == [{"status": "accepted", "id": "d1"}]
    assert fake.tracked == events
    assert fake.flush()
