"""The client package azure-cognitiveservices-personalizer 0.1.0, unmodified, against a server that runs."""

import pytest
from azure.cognitiveservices.personalizer import PersonalizerClient
from azure.cognitiveservices.personalizer.models import ErrorResponseException, RankableAction, RankRequest
from msrest.authentication import CognitiveServicesCredentials
from msrest.exceptions import HttpOperationError

ACTIONS = [
    RankableAction(id="pasta", features=[{"taste": "salty", "spice": 2}]),
    RankableAction(id="ice", features=[{"taste": "sweet"}, {"cost": 4}]),
    RankableAction(id="soup", features=[{"taste": "salty"}]),
]


@pytest.fixture(params=["", "/"], ids=["plain", "slash"])
def client(endpoint, request):
    return PersonalizerClient(endpoint.of("shelf") + request.param, CognitiveServicesCredentials("some-key"))


def test_rank_then_reward(client):
    answer = client.rank(RankRequest(actions=ACTIONS, context_features=[{"hour": 9}, {"user": {"age": 40}}]))

    assert {ranked.id for ranked in answer.ranking} == {"pasta", "ice", "soup"}
    assert sum(ranked.probability for ranked in answer.ranking) == pytest.approx(1.0)
    assert answer.reward_action_id in {"pasta", "ice", "soup"}
    assert client.events.reward(answer.event_id, value=0.5) is None


@pytest.mark.parametrize("event_id", ["e/1 x", "a%2Fb", "ü?&=#+", "x" * 256])
def test_any_event_id_comes_back_as_it_was_sent_and_finds_its_way_into_the_path(client, event_id):
    answer = client.rank(RankRequest(actions=ACTIONS, event_id=event_id, defer_activation=True))

    assert answer.event_id == event_id
    assert client.events.activate(event_id) is None
    assert client.events.reward(event_id, value=1) is None


def test_an_excluded_action_keeps_its_place_with_probability_0(client):
    for _ in range(10):
        answer = client.rank(RankRequest(actions=ACTIONS, excluded_actions=["ice"]))

        assert (answer.ranking[1].id, answer.ranking[1].probability) == ("ice", 0.0)
        assert answer.reward_action_id != "ice"


def test_an_event_that_nobody_knows_is_answered_well(client):
    assert client.events.reward("nobody-knows-it", value=1.0) is None
    assert client.events.activate("nobody-knows-it") is None


def test_the_services_own_sentence_tells_what_is_wrong(client):
    with pytest.raises(ErrorResponseException) as caught:
        client.rank(RankRequest(actions=[]))

    error = caught.value.error.error
    assert (error.code, error.message) == ("InvalidRankRequest", "Action count should be between 1 and 50.")
    with pytest.raises(HttpOperationError, match=r"BAD REQUEST|Bad Request|400"):
        client.events.reward("e", value=float("nan"))
