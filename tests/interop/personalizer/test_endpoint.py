"""The endpoint over HTTP: status codes, headers, bodies of errors, and what is written to the log."""

import json
import time

import pytest

from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.log.replay import find_events
from running_app import apply_loop, running_app
from small_models import TENSORS, a_manifest

BASE = "/v1/compat/personalizer/shelf/personalizer"
VERSIONS = ["/v1.0", "/v1.1-preview.1", "/v1.1-preview.2", "/v1.1-preview.3", ""]
ACTIONS = [
    {"id": "pasta", "features": [{"taste": "salty"}]},
    {"id": "ice", "features": [{"taste": "sweet"}, {"_note": "x"}]},
    {"id": "soup", "features": [{"taste": "salty"}]},
]
NO_BODY = {"content-type": None, "content-length": "0"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    apply_loop(folder)
    apply_loop(folder, loop="shelf", **LOOP, aliases=["the shelf"])
    with running_app(folder) as app:
        yield app


@pytest.fixture
def own(tmp_path):
    """An application of the test's own, and its folder."""
    apply_loop(tmp_path, loop="shelf", **LOOP, aliases=[])
    with running_app(tmp_path) as app:
        yield app, tmp_path


def rank(app, style="/v1.0", headers=None, **more):
    return app.post(f"{BASE}{style}/rank", {"actions": ACTIONS, **more}, headers)


def error_of(answer):
    return answer.status, answer.json["error"]["code"]


def logged(folder, event_id):
    return [event for _, event in find_events(folder / "data" / "log", event_id)]


@pytest.mark.parametrize("style", VERSIONS)
def test_all_styles_rank_reward_and_activate_with_the_same_status_codes(shelf, style):
    ranked = rank(shelf, style, eventId=f"e{style}")
    path = f"{BASE}{style}/events/{ranked.json['eventId'].replace('/', '%2F')}"
    rewarded = shelf.post(f"{path}/reward", {"value": 0.5})
    activated = shelf.ask("POST", f"{path}/activate", b"", NO_BODY)

    assert (ranked.status, rewarded.status, activated.status) == (201, 204, 204)
    assert (rewarded.body, activated.body) == (b"", b"")
    assert ranked.headers["content-type"] == "application/json; charset=utf-8"
    assert set(ranked.json) == {"ranking", "eventId", "rewardActionId"}


def test_an_api_version_that_was_never_published_is_not_found(shelf):
    assert error_of(rank(shelf, "/v9")) == (404, "ResourceNotFound")


@pytest.mark.parametrize("name", ["Ocp-Apim-Subscription-Key", "ocp-apim-subscription-key", "OCP-APIM-SUBSCRIPTION-KEY"])
def test_the_key_header_is_taken_in_any_case_and_not_needed_yet(shelf, name):
    assert rank(shelf, headers={name.lower(): "some-key"}).status == rank(shelf).status == 201


def test_the_clients_request_id_comes_back_with_errors_too(shelf):
    told = {"x-ms-client-request-id": "0123-4567"}

    for answer in (rank(shelf, headers=told), rank(shelf, headers=told, eventId=""), shelf.get(f"{BASE}/v9/model", told)):
        assert answer.headers["x-ms-client-request-id"] == "0123-4567"


def test_v1_1_says_where_it_was_called_as_the_service_would(shelf):
    answer = shelf.post(f"{BASE}/v1.1-preview.3/events/e%2F1/reward", {"value": 1})

    assert answer.headers["x-ms-original-url"] == "http://localhost/events/e%2F1/reward"
    assert "x-ms-original-url" not in rank(shelf, "/v1.0").headers


def test_the_body_of_an_error_has_every_fault_under_the_services_code(shelf):
    answer = shelf.post(f"{BASE}/v1.0/rank", {"actions": [{"id": "", "features": [None]}], "eventId": ""})

    error = answer.json["error"]
    assert (answer.status, error["code"], error["message"]) == (400, "InvalidRankRequest", "Action ids must not be empty.")
    assert error["target"] == "$.actions[0].id"
    assert [(detail["target"], detail["message"]) for detail in error["details"]] == [
        ("$.actions[0].id", "Action ids must not be empty."),
        ("$.actions[0].features[0]", "Actions contains null value."),
        ("$.eventId", "EventId should be non-empty or null."),
    ]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/rank", b"{", "InvalidRankRequest"),
        ("/rank", b"[]", "InvalidRankRequest"),
        ("/rank", b'{"contextFeatures": []}', "InvalidRankRequest"),
        ("/rank", b'{"actions": 7}', "InvalidRankRequest"),
        ("/rank", b'{"actions": ' + b"[" * 5000 + b"]" * 5000 + b"}", "InvalidRankRequest"),
        ("/events/e/reward", b'{"value": "1"}', "InvalidRewardRequest"),
        ("/events/e/reward", b'{"value": NaN}', "InvalidRewardRequest"),
        ("/events/e/reward", b"", "InvalidRewardRequest"),
        ("/events/" + "x" * 257 + "/reward", b'{"value": 1}', "InvalidRewardRequest"),
        ("/events/" + "x" * 257 + "/activate", b"", "InvalidEventIdToActivate"),
        ("/multislot/rank", b"{}", "InvalidMultiSlotApiAccess"),
        ("/evaluations", b"{}", "InvalidEvaluationContract"),
    ],
)
def test_what_does_not_fit_is_told_with_the_code_of_its_call(shelf, path, body, code):
    assert error_of(shelf.ask("POST", f"{BASE}/v1.0{path}", body)) == (400, code)


def test_a_body_that_is_too_large_of_another_type_or_for_nobody_is_told_in_the_same_shape(shelf):
    large = shelf.ask("POST", f"{BASE}/v1.0/rank", b"x" * (2**20 + 1))
    form = shelf.ask("POST", f"{BASE}/v1.0/rank", b"x", {"content-type": "text/plain"})
    nobody = shelf.post(f"{BASE.replace('shelf', 'shelv')}/v1.0/rank", {"actions": ACTIONS})

    assert error_of(large) == (400, "PayloadSizeExceeded")
    assert error_of(form) == (415, "InvalidRankRequest")
    assert error_of(nobody) == (404, "ResourceNotFound")
    assert "did you mean 'shelf'?" in nobody.json["error"]["message"]


def test_a_loop_of_labels_cannot_stand_behind_an_endpoint_and_is_told_the_way_out(shelf):
    answer = shelf.post(f"{BASE.replace('shelf', 'front-page')}/v1.0/rank", {"actions": ACTIONS})

    assert error_of(answer) == (403, "InvalidApiAccess")
    assert "`policyloop init front-page --like personalizer`" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": LOOP["reward"] | {"close": "final"}}, "expected `close: window`"),
        (
            {"outcomes": {"clicked": "boolean", "bought": "boolean"}, "reward": {"expression": "clicked", "range": [0, 1]}},
            "has the outcomes clicked, bought; expected one, or one named 'reward'",
        ),
    ],
)
def test_a_loop_that_could_not_learn_from_rewards_is_told_so_at_once(tmp_path, change, message):
    apply_loop(tmp_path, loop="shelf", **LOOP | change, aliases=[])
    with running_app(tmp_path) as app:
        answer = rank(app)

    assert error_of(answer) == (403, "InvalidApiAccess")
    assert message in answer.json["error"]["message"]


def test_a_loop_is_found_by_its_alias_too(shelf):
    assert shelf.post("/v1/compat/personalizer/the%20shelf/personalizer/v1.0/rank", {"actions": ACTIONS}).status == 201


def test_without_a_model_the_first_action_leads_and_the_share_that_explores_is_spread(shelf):
    answer = rank(shelf, excludedActions=["pasta", "not offered"])

    # Of two that are left, the first has 1 - .2 + .2 / 2.
    assert [(ranked["id"], ranked["probability"]) for ranked in answer.json["ranking"]] == [
        ("pasta", 0.0),
        ("ice", pytest.approx(0.9)),
        ("soup", pytest.approx(0.1)),
    ]


def test_excluding_every_action_is_refused(shelf):
    answer = rank(shelf, excludedActions=["pasta", "ice", "soup"])

    assert error_of(answer) == (400, "InvalidRankRequest")
    assert "expected at least one that may be taken" in answer.json["error"]["message"]


def test_the_same_event_gets_the_same_answer_and_another_request_under_its_id_is_a_conflict(shelf):
    first = rank(shelf, eventId="again")

    assert rank(shelf, eventId="again").body == first.body
    assert error_of(rank(shelf, eventId="again", contextFeatures=[{"x": 1}])) == (409, "ModelRankingError")


def test_without_an_event_id_the_server_makes_one(shelf):
    ids = {rank(shelf, eventId=None).json["eventId"], rank(shelf).json["eventId"]}

    assert len(ids) == 2


def test_the_log_has_what_was_sent_and_what_was_drawn_from(own):
    app, folder = own

    answer = rank(app, contextFeatures=[{"hour": 9}, {"_private": 1}], eventId="e", deferActivation=True)
    app.post(f"{BASE}/v1.0/events/e/reward", {"value": 0.5})
    app.ask("POST", f"{BASE}/v1.0/events/e/activate", b"", NO_BODY)

    decision, reward, activation = logged(folder, "e")
    assert (decision.decision_id, decision.is_deferred, json.loads(decision.context)) == ("e", True, {"features": {"hour": 9}})
    assert [entry["id"] for entry in json.loads(decision.actions)] == ["pasta", "ice", "soup"]
    assert "_note" not in decision.actions
    assert ACTIONS[decision.action[0]]["id"] == answer.json["rewardActionId"]
    assert decision.propensity == decision.probabilities()[decision.action[0]]
    assert (reward.decision_id, reward.values) == ("e", {"reward": 0.5})
    assert (activation.decision_id, list(activation.values)) == ("e", ["$activated"])


def test_declared_context_fields_are_checked_as_declared(tmp_path):
    apply_loop(tmp_path, loop="shelf", **LOOP | {"context": {"hour": {"type": "integer", "max": 23}}}, aliases=[])
    with running_app(tmp_path) as app:
        good = rank(app, contextFeatures=[{"hour": 9}])
        wrong = rank(app, contextFeatures=[{"hour": 24}])

    assert good.status == 201
    assert (error_of(wrong), wrong.json["error"]["target"]) == ((400, "InvalidRankRequest"), "$.context.hour")


@pytest.mark.parametrize(("mode", "has_shadow"), [("Apprentice", True), ("LoggingOnly", False)])
def test_where_the_loop_only_watches_the_first_action_that_is_not_excluded_is_always_taken(own, mode, has_shadow):
    app, folder = own
    configuration = app.get(f"{BASE}/v1.0/configurations/service").json

    changed = app.ask("PUT", f"{BASE}/v1.0/configurations/service", json.dumps(configuration | {"learningMode": mode}).encode())
    until_s = time.monotonic() + 30
    while len({rank(app).json["rewardActionId"] for _ in range(30)}) > 1:  # the next look at the records takes it over
        assert time.monotonic() < until_s
    answers = [rank(app, excludedActions=["pasta"]) for _ in range(30)]

    assert (changed.status, changed.json["learningMode"]) == (200, mode)
    assert {answer.json["rewardActionId"] for answer in answers} == {"ice"}
    (decision,) = logged(folder, answers[-1].json["eventId"])
    assert (decision.policy, decision.propensity, decision.propensity_kind) == ("baseline", 1.0, "point")
    assert decision.probabilities() == [0.0, 1.0, 0.0]
    assert (decision.shadow is not None) == has_shadow
    told = [ranked["probability"] for ranked in answers[-1].json["ranking"]]
    assert told == pytest.approx([0.0, 0.9, 0.1] if has_shadow else [0.0, 1.0, 0.0])


def test_learning_settings_of_a_loop_that_learns_by_vw_are_held_against_what_vw_takes(tmp_path):
    apply_loop(tmp_path, loop="shelf", **LOOP, aliases=[], learner={"name": "vw"})
    with running_app(tmp_path) as app:

        def put(arguments):
            body = json.dumps({"name": "mine", "arguments": f"--cb_explore_adf {arguments}"}).encode()
            return app.ask("PUT", f"{BASE}/v1.0/configurations/policy", body)

        good, wrong = put("-l 0.5"), put("--daemon")
        learner = app.app.service.registry.standing("shelf").spec.learner
        reset = app.ask("DELETE", f"{BASE}/v1.0/configurations/policy")

    assert (good.status, learner.settings["arguments"]) == (200, "-l 0.5")
    assert error_of(wrong) == (400, "InvalidPolicyConfiguration")
    assert "'--daemon'" in wrong.json["error"]["message"]
    assert reset.json["arguments"] == "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type mtr -q ::"


def test_a_configuration_that_the_live_model_forbids_is_refused_with_the_way_out(own):
    app, _ = own
    configuration = app.get(f"{BASE}/v1.0/configurations/service").json
    make_a_model_live(app)

    def put(**change):
        return app.ask("PUT", f"{BASE}/v1.0/configurations/service", json.dumps(configuration | change).encode())

    refused = put(rewardAggregation="sum")
    in_place = put(explorationPercentage=0.5)
    reset = app.ask("DELETE", f"{BASE}/v1.0/model")
    again = put(rewardAggregation="sum")

    assert error_of(refused) == (400, "InvalidServiceConfiguration")
    assert "Or reset the model first" in refused.json["error"]["message"]
    assert (in_place.status, reset.status, again.status) == (200, 204, 200)


def make_a_model_live(app):
    """A champion of the records alone: it is never asked."""
    registry = app.app.service.registry
    spec = registry.standing("shelf").spec
    model = registry.publish(a_manifest(spec=spec.digest, recipe=spec.recipe), TENSORS)
    registry.promote_by_person("shelf", model, why="for a test")


def test_where_it_is_asked_for_what_belongs_to_no_event_is_not_found(own):
    app, folder = own
    configuration = app.get(f"{BASE}/v1.0/configurations/service").json
    asked = json.dumps(configuration | {"refuseUnknownEvents": True}).encode()
    assert app.ask("PUT", f"{BASE}/v1.0/configurations/service", asked).json["refuseUnknownEvents"] is True

    until_s = time.monotonic() + 30
    while (unknown := app.post(f"{BASE}/v1.0/events/nobody/reward", {"value": 1})).status == 204:
        assert time.monotonic() < until_s
    rank(app, eventId="known")

    assert error_of(unknown) == (404, "ResourceNotFound")
    assert app.ask("POST", f"{BASE}/v1.0/events/nobody/activate", b"", NO_BODY).status == 404
    assert app.post(f"{BASE}/v1.0/events/known/reward", {"value": 1}).status == 204
    assert [type(event).__name__ for event in logged(folder, "known")] == ["Decision", "Outcome"]


def test_while_the_log_cannot_be_written_a_rank_is_refused_or_the_baseline_answers_as_the_loop_says(tmp_path):
    apply_loop(tmp_path, loop="shelf", **LOOP, aliases=[])
    with running_app(tmp_path, **{"log.low_water_bytes": 2**60}) as app:
        refused = rank(app)
    apply_loop(tmp_path, loop="shelf", **LOOP, aliases=[], on_log_failure="serve-baseline")
    with running_app(tmp_path, **{"log.low_water_bytes": 2**60}) as app:
        served = rank(app)

    assert error_of(refused) == (503, "OperationNotAllowed")
    assert refused.headers["retry-after"] == "1"
    assert (served.status, sum(ranked["probability"] for ranked in served.json["ranking"])) == (201, pytest.approx(1.0))
