"""The client package azure-ai-personalizer 1.0.0b1, unmodified, against a server that runs: both of its clients."""

import datetime
import io

import pytest
from azure.ai.personalizer import PersonalizerAdministrationClient, PersonalizerClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from deployed import eventually

pytestmark = [
    # The client leaves the connection of a refused download open, until it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ACTIONS = [{"id": "left", "features": [{"side": "left"}]}, {"id": "right", "features": [{"side": "right"}]}]
LONG_AGO, FAR_AHEAD = datetime.datetime(2020, 1, 1), datetime.datetime(2100, 1, 1)


@pytest.fixture
def client(endpoint):
    with PersonalizerClient(endpoint.of("busy"), AzureKeyCredential("some-key")) as opened:
        yield opened


@pytest.fixture
def administration(endpoint):
    with PersonalizerAdministrationClient(endpoint.of("busy"), AzureKeyCredential("some-key")) as opened:
        yield opened


def rank(client, **more):
    return client.rank({"actions": ACTIONS, "contextFeatures": [{"likes": "right"}], **more})


def teach(client, n):
    """So many events, rewarded where the right action was taken."""
    for _ in range(n):
        answer = rank(client)
        client.reward(answer["eventId"], {"value": 1.0 if answer["rewardActionId"] == "right" else 0.0})


def test_rank_reward_and_activate(client):
    answer = rank(client, eventId="e/1", deferActivation=True)

    assert (answer["eventId"], answer["rewardActionId"] in ("left", "right")) == ("e/1", True)
    assert client.activate("e/1") is None
    assert client.reward("e/1", {"value": 1.0}) is None


def test_the_error_of_the_service_is_read(client):
    with pytest.raises(HttpResponseError, match=r"\(InvalidRankRequest\) EventId should be non-empty or null\.") as caught:
        rank(client, eventId="")

    assert caught.value.error.code == "InvalidRankRequest"


def test_multi_slot_is_refused_as_where_it_is_not_set_up(client):
    with pytest.raises(HttpResponseError, match="InvalidMultiSlotApiAccess"):
        client.rank_multi_slot({"actions": ACTIONS, "slots": [{"id": "top", "baselineAction": "left"}]})
    with pytest.raises(HttpResponseError, match="InvalidMultiSlotApiAccess"):
        client.reward_multi_slot("e", {"reward": [{"slotId": "top", "value": 1.0}]})
    with pytest.raises(HttpResponseError, match="InvalidMultiSlotApiAccess"):
        client.activate_multi_slot("e")


def test_the_service_configuration_is_the_loops_spec_in_other_words(administration, endpoint):
    before = administration.get_service_configuration()
    after = administration.update_service_configuration(
        {
            **before,
            "explorationPercentage": 0.3,
            "defaultReward": -0.5,
            "rewardAggregation": "sum",
            "modelExportFrequency": "PT20M",
            "logRetentionDays": 30,
            "modelRetrainDays": 3,
        }
    )

    spec = endpoint.spec("busy")
    assert (before["rewardWaitTime"], before["rewardAggregation"], before["learningMode"]) == ("PT1S", "earliest", "Online")
    assert (spec.explore.floor, spec.reward.default, spec.outcomes["reward"].take) == (0.3, -0.5, "sum")
    assert (spec.train.every_examples, spec.train.every_s) == (500, 1200)
    assert (after["logRetentionDays"], after["modelRetrainDays"]) == (30, 3)
    assert administration.get_service_configuration() == after
    administration.update_service_configuration(before)
    assert endpoint.spec("busy").digest != spec.digest


def test_a_configuration_that_cannot_be_is_refused_with_its_code(administration):
    now = administration.get_service_configuration()

    for change, code in [
        ({"rewardWaitTime": "P3D"}, "InvalidRewardWaitTime"),
        ({"logRetentionDays": 0}, "InvalidLogRetentionDays"),
        ({"learningMode": "Apprentice", "defaultReward": 1.0}, "InvalidLearningModeServiceConfiguration"),
        ({"explorationPercentage": 1.5}, "InvalidServiceConfiguration"),
        ({"rewardAggregation": "median"}, "InvalidServiceConfiguration"),
        ({"logMirrorEnabled": True}, "InvalidServiceConfiguration"),
    ]:
        with pytest.raises(HttpResponseError) as caught:
            administration.update_service_configuration({**now, **change})
        assert caught.value.error.code == code
    assert administration.get_service_configuration() == now


def test_learning_settings_are_kept_without_what_names_files(administration):
    kept = administration.update_policy({"name": "mine", "arguments": "--cb_explore_adf --epsilon 0.9 -d data.txt -l 0.5"})

    assert kept == {"name": "mine", "arguments": "--cb_explore_adf --epsilon 0.2 -l 0.5"}
    assert administration.get_policy() == kept
    assert administration.reset_policy() == administration.get_policy()
    assert administration.get_policy()["arguments"].startswith("--cb_explore_adf --epsilon 0.2 --power_t 0")
    with pytest.raises(HttpResponseError, match="InvalidPolicyConfiguration"):
        administration.update_policy({"name": "mine", "arguments": "--boost"})


def test_from_events_to_a_model_to_its_export_and_back_to_none(client, administration, endpoint):
    with pytest.raises(ResourceNotFoundError):
        b"".join(administration.export_model())
    teach(client, 300)

    champion = endpoint.train("busy")

    assert champion is not None
    eventually(lambda: rank(client)["ranking"][0] == {"id": "right", "probability": pytest.approx(0.9)})
    assert administration.get_model_properties()["creationTime"].startswith("20")
    exported = b"".join(administration.export_model(signed=True))
    administration.reset_model()
    assert endpoint.deployment.registry.standing("busy").champion is None
    administration.reset_model()  # a second time changes nothing
    administration.import_model(io.BytesIO(exported))
    assert endpoint.deployment.registry.standing("busy").champion == champion
    with pytest.raises(HttpResponseError, match="InvalidModelImportFormat"):
        administration.import_model(io.BytesIO(b"no model"))


def test_an_evaluation_says_what_others_would_have_earned(client, administration, endpoint):
    teach(client, 200)
    endpoint.join("busy")
    contract = {
        "name": "what if",
        "startTime": LONG_AGO.isoformat(),
        "endTime": FAR_AHEAD.isoformat(),
        "policies": [{"name": "always right", "arguments": "--constant right"}],
    }

    assert administration.create_evaluation("mine", contract) is None

    asked = administration.get_evaluation("mine", start_time=LONG_AGO, end_time=FAR_AHEAD)
    endpoint.evaluate("busy")
    done = administration.get_evaluation("mine", start_time=LONG_AGO, end_time=FAR_AHEAD, interval_in_minutes=60)
    assert (asked["status"], done["status"], done["evaluationType"]) == ("Running", "Succeeded", "Manual")
    found = {policy["name"]: policy["summary"] for policy in done["content"]["value"]}
    assert set(found) == {"Online", "Baseline", "Random", "always right"}
    assert found["always right"]["expectedReward"] > found["Baseline"]["expectedReward"]
    assert [one["id"] for one in administration.list_evaluations()] == ["mine"]
    assert list(administration.list_evaluations(skip=1)) == []
    administration.apply_from_evaluation({"evaluationId": "mine", "policyName": "Online"})
    with pytest.raises(HttpResponseError, match="EvaluationAlreadyExists"):
        administration.create_evaluation("mine", contract)
    administration.delete_evaluation("mine")
    with pytest.raises(ResourceNotFoundError, match="EvaluationNotFound"):
        administration.get_evaluation("mine", start_time=LONG_AGO, end_time=FAR_AHEAD)


def test_what_cannot_be_evaluated_is_refused_with_its_code(client, administration, endpoint):
    teach(client, 2)
    endpoint.join("busy")
    good = {"name": "n", "startTime": LONG_AGO.isoformat(), "endTime": FAR_AHEAD.isoformat()}
    same = {"name": "p", "arguments": "--constant first"}

    for change, code in [
        ({"endTime": LONG_AGO.isoformat()}, "InvalidDateTimesInEvaluationContract"),
        ({"policies": [same, same]}, "DuplicateCustomPolicyNames"),
        ({"policies": [{**same, "name": str(i)} for i in range(11)]}, "MaximumEvaluationCustomPoliciesExceeded"),
        ({"policies": [{"name": "p", "arguments": "--cb_explore_adf -q ::"}]}, "InvalidEvaluationContract"),
        ({"enablePolicyOptimization": True}, "InvalidEvaluationContract"),
        ({"endTime": (LONG_AGO + datetime.timedelta(1)).isoformat()}, "NoLogsExistInDateRange"),
    ]:
        with pytest.raises(HttpResponseError) as caught:
            administration.create_evaluation("refused", {**good, **change})
        assert caught.value.error.code == code


def test_feature_importances_are_told_elsewhere(administration):
    assert list(administration.list_feature_importances()) == []
    with pytest.raises(ResourceNotFoundError, match="FeatureImportanceNotFound"):
        administration.get_feature_importance("i")
    with pytest.raises(HttpResponseError, match="policyloop explain ID"):
        administration.create_feature_importance("i", {"name": "i", "startTime": "2026-01-01", "endTime": "2026-01-02"})


def test_logs_that_are_deleted_are_gone_and_what_comes_after_stays(client, administration, endpoint):
    rank(client, eventId="before")
    endpoint.join("busy")
    dates = administration.get_log_properties()["dateRange"]
    assert dates["from"] <= dates["to"]

    assert administration.delete_logs() is None

    with pytest.raises(ResourceNotFoundError, match="LogsPropertiesNotFound"):
        administration.get_log_properties()
    rank(client, eventId="after")
    endpoint.join("busy")
    assert endpoint.deployment.lake.rows("decisions", where="loop = 'busy'")["decision_id"].to_pylist() == ["after"]
    assert endpoint.deployment.lake.rows("examples", where="loop = 'busy'")["decision_id"].to_pylist() == ["after"]
    later = administration.get_log_properties()["dateRange"]
    assert dates["to"] < later["from"] == later["to"]
