"""Rank: whatever is sent is asked of the loop or refused in words, and a ranking keeps its order for any answer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.errors import Invalid
from policyloop.core.event import Decision
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import CandidateAction, DecideRequest
from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.interop.personalizer.ranking import answer_of, request_of

SPEC = read_spec({"loop": "shelf", **LOOP})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ACTION = st.fixed_dictionaries({"id": st.text(max_size=3) | JSON, "features": st.lists(JSON, max_size=2) | JSON})
REQUEST = st.fixed_dictionaries(
    {"actions": st.lists(ACTION, max_size=4) | JSON},
    optional={"contextFeatures": JSON, "excludedActions": JSON, "eventId": JSON, "deferActivation": JSON, "stranger": JSON},
)


@given(REQUEST)
def test_any_request_is_understood_or_refused(sent):
    try:
        request = request_of(msgspec.json.encode(sent), SPEC)
    except Invalid as refused:
        assert refused.faults
        return
    assert [action.id for action in request.actions] == [action["id"] for action in sent["actions"]]
    assert all(action.features for action in request.actions)
    assert "_" not in {name[:1] for action in request.actions for name in action.features}


def test_equal_lists_of_actions_are_read_once():
    def body(hour):
        return msgspec.json.encode({"actions": [{"id": "a", "features": [{"x": 1}]}], "contextFeatures": [{"hour": hour}]})

    assert request_of(body(1), SPEC).actions is request_of(body(2), SPEC).actions


def decided(pmf, *, mask=None, action=0, shadow=None):
    return Decision(
        loop="shelf",
        decision_id="d",
        decided_at=0,
        spec="s",
        policy="p",
        context="{}",
        split=0.0,
        action=[action],
        pmf=[pmf],
        mask=mask,
        shadow=shadow,
    )


def asked(k):
    actions = [CandidateAction(id=str(place), features={"x": place}) for place in range(k)]
    return DecideRequest(context={}, actions=actions)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=8))
def test_excluded_actions_keep_their_place_and_the_others_fall_from_the_most_probable(drawn):
    mask = [may for _, may in drawn]
    pmf = [weight if may else 0.0 for weight, may in drawn]

    ranking = answer_of(decided(pmf, mask=mask), asked(len(drawn))).ranking

    assert sorted(int(ranked.id) for ranked in ranking) == list(range(len(drawn)))
    assert all(ranked.id == str(place) and ranked.probability == 0 for place, ranked in enumerate(ranking) if not mask[place])
    others = [ranked.probability for place, ranked in enumerate(ranking) if mask[place]]
    assert others == sorted(others, reverse=True)
    assert all(ranked.probability == pmf[int(ranked.id)] for ranked in ranking)


def test_equally_probable_actions_stay_in_the_order_in_which_they_were_sent():
    answer = answer_of(decided([0.25, 0.5, 0.25], action=2), asked(3))

    assert [ranked.id for ranked in answer.ranking] == ["1", "0", "2"]
    assert answer.rewardActionId == "2"


def test_a_challengers_shadow_does_not_change_the_ranking():
    shadow = '{"policy":"c","pmf":[0.1,0.9],"us":1.0,"champion_us":1.0,"challenge":"7","state":"shadow"}'

    answer = answer_of(decided([0.8, 0.2], shadow=shadow), asked(2))

    assert [action.probability for action in answer.ranking] == [0.8, 0.2]


def test_an_apprentices_ranking_is_what_it_would_have_done():
    answer = answer_of(decided([1.0, 0.0], shadow='{"policy":"m","pmf":[0.1,0.9]}'), asked(2))

    assert [(ranked.id, ranked.probability) for ranked in answer.ranking] == [("1", 0.9), ("0", 0.1)]
    assert answer.rewardActionId == "0"


@pytest.mark.parametrize("excluded", [None, [], ["not offered"]])
def test_excluding_nothing_that_is_offered_excludes_nothing(excluded):
    body = msgspec.json.encode({"actions": [{"id": "a", "features": [{"x": 1}]}], "excludedActions": excluded})

    assert request_of(body, SPEC).exclude is None
