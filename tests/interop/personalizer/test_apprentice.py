"""Apprentice mode from end to end: the program's first choice is always carried out, and a model learns from watching."""

import pytest
from azure.ai.personalizer import PersonalizerAdministrationClient, PersonalizerClient
from azure.core.credentials import AzureKeyCredential

from deployed import eventually

KEY = AzureKeyCredential("some-key")
SWEET = {"id": "sweet", "features": [{"taste": "sweet"}]}
SALTY = {"id": "salty", "features": [{"taste": "salty"}]}


def rank(client, *actions):
    return client.rank({"actions": list(actions), "contextFeatures": [{"hour": 9}]})


def test_a_model_that_learned_by_watching_ranks_and_the_first_action_still_acts(endpoint):
    with (
        PersonalizerAdministrationClient(endpoint.of("watched"), KEY) as administration,
        PersonalizerClient(endpoint.of("watched"), KEY) as client,
    ):
        configuration = administration.get_service_configuration()
        administration.update_service_configuration({**configuration, "learningMode": "Apprentice"})
        eventually(lambda: {rank(client, SWEET, SALTY)["rewardActionId"] for _ in range(30)} == {"sweet"})
        for number in range(200):
            offered = (SWEET, SALTY) if number % 2 else (SALTY, SWEET)
            answer = rank(client, *offered)
            assert answer["rewardActionId"] == offered[0]["id"]
            client.reward(answer["eventId"], {"value": 1.0 if answer["rewardActionId"] == "sweet" else 0.0})

        champion = endpoint.train("watched")

        assert champion is not None
        eventually(lambda: rank(client, SALTY, SWEET)["ranking"][0] == {"id": "sweet", "probability": pytest.approx(0.9)})
        assert rank(client, SALTY, SWEET)["rewardActionId"] == "salty"
        for _ in range(20):
            client.reward(rank(client, SWEET, SALTY)["eventId"], {"value": 1.0})
            rank(client, SALTY, SWEET)
        endpoint.join("watched")
        metrics = administration.get_service_configuration()["latestApprenticeModeMetrics"]
        n, n_imitated = metrics["numberOfEvents"], metrics["numberOfImitatedEvents"]
        assert (metrics["startTime"] < metrics["lastProcessedEventTime"], 240 < n < 400) == (True, True)
        assert 0 < n_imitated < n
        assert metrics["sumOfImitatedRewards"] <= metrics["sumOfRewards"] == 120.0
        assert metrics["lastBatchMetrics"]["numberOfEvents"] <= n
        decisions = endpoint.deployment.lake.rows("decisions", where="loop = 'watched'")
        assert set(decisions["action_source"].to_pylist()) >= {"expert"}
