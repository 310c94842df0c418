"""Decide over HTTP: answered when it is durable, the same id answered alike, and 503 when the log cannot be written."""

import asyncio

from policyloop.log.replay import find_events
from running_app import CONTEXT, apply_loop, running_app

DECIDE = "/v1/loops/front-page/decide"


def test_a_decision_that_was_answered_is_in_the_log(project):
    with running_app(project) as app:
        answer = app.post(DECIDE, {"context": CONTEXT})
        ((_, event),) = find_events(project / "data" / "log", answer.json["decision_id"])

    assert answer.status == 200
    assert answer.json["action"] == ("calm", "bold", "playful")[answer.json["index"]]
    assert event.propensity == answer.json["propensity"]
    assert (event.action, event.loop) == ([answer.json["index"]], "front-page")
    assert event.context == '{"hour":9,"device":"phone","note":null}'


def test_the_probabilities_come_along_when_they_are_asked_for(served):
    plain = served.post(DECIDE, {"context": CONTEXT})
    full = served.post(DECIDE + "?pmf=true", {"context": CONTEXT})

    assert "pmf" not in plain.json
    assert abs(sum(full.json["pmf"]) - 1) < 1e-12
    assert full.json["pmf"][full.json["index"]] == full.json["propensity"]


def test_a_parameter_that_is_unknown_or_wrong_is_told(served):
    unknown = served.post(DECIDE + "?pfm=true", {"context": CONTEXT})
    wrong = served.post(DECIDE + "?pmf=maybe", {"context": CONTEXT})

    assert "no parameter is named 'pfm'; did you mean 'pmf'?" in unknown.json["detail"]
    assert "is 'maybe'; expected true or false." in wrong.json["detail"]
    assert unknown.status == wrong.status == 400


def test_the_same_id_with_the_same_context_gets_the_same_answer(served):
    first = served.post(DECIDE, {"context": CONTEXT, "decision_id": "again"})
    second = served.post(DECIDE, {"context": CONTEXT, "decision_id": "again"})
    other = served.post(DECIDE, {"context": CONTEXT | {"hour": 10}, "decision_id": "again"})

    assert first.json == second.json
    assert (other.status, other.json["code"]) == (409, "decision_conflict")


def test_all_faults_of_a_context_come_back_at_once_with_their_places(served):
    answer = served.post(DECIDE, {"context": {"hour": 24, "devise": "phone"}})

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert {part["where"] for part in answer.json["errors"]} == {"$.context.hour", "$.context.device", "$.context.devise"}
    assert "is 24; expected a whole number from 0 to 23." in answer.json["detail"]


def test_faults_of_keys_and_of_values_come_back_together(served):
    answer = served.post(DECIDE, {"context": {"hour": 24, "device": "phone"}, "decision_id": 5, "defr": True})

    assert [part["where"] for part in answer.json["errors"]] == ["$.decision_id", "$.defr", "$.context.hour"]


def test_an_unknown_loop_is_told_with_the_nearest_and_an_alias_is_known(served):
    unknown = served.post("/v1/loops/front-pag/decide", {"context": CONTEXT})
    alias = served.post("/v1/loops/home/decide", {"context": CONTEXT})

    assert (unknown.status, unknown.json["code"]) == (404, "unknown_loop")
    assert unknown.json["detail"] == "no loop is named 'front-pag'; did you mean 'front-page'?"
    assert alias.status == 200


def test_decisions_under_way_together_are_each_answered(served):
    async def many():
        body = b'{"context": {"hour": 9, "device": "phone"}}'
        return await asyncio.gather(*(served.answer("POST", DECIDE, body) for _ in range(50)))

    answers = served.runner.run(many())

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["decision_id"] for answer in answers}) == 50


def test_without_a_log_nothing_is_decided_and_the_caller_is_told_to_come_back(project):
    with running_app(project) as app:
        app.app.service.log.close()
        answer = app.post(DECIDE, {"context": CONTEXT})
        ready = app.get("/readyz")
        alive = app.get("/livez")

    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "log_unavailable", "1")
    assert str(project) not in answer.body.decode()
    assert (ready.status, ready.json["ready"]) == (503, False)
    assert alive.status == 200


def test_a_loop_may_ask_for_its_baseline_while_there_is_no_log(tmp_path):
    apply_loop(tmp_path, on_log_failure="serve-baseline")
    with running_app(tmp_path) as app:
        app.app.service.log.close()
        answer = app.post(DECIDE, {"context": CONTEXT})
        metrics = app.get("/metrics").body.decode()

    assert answer.status == 200
    assert (answer.json["fallback"], answer.json["logged"]) == (True, False)
    assert 'policyloop_decisions_total{loop="front-page",fallback="true",logged="false",worker="0"} 1' in metrics


ANY = {"about": {"type": "json", "max_fields": 1000}}


def test_any_json_is_decided_on_and_logged_as_it_came(tmp_path):
    apply_loop(tmp_path, context=ANY)
    body = '{"about":{"user":{"age":41,"_id":"u-7","tags":["a",["b"],null]},"ü":1.5,"is_new":true}}'
    with running_app(tmp_path) as app:
        answer = app.ask("POST", DECIDE, f'{{"context":{body}}}'.encode())
        ((_, event),) = find_events(tmp_path / "data" / "log", answer.json["decision_id"])

    assert answer.status == 200
    assert event.context == body


def test_ten_thousand_new_paths_are_a_400_that_says_how_many_and_nothing_is_logged(tmp_path):
    apply_loop(tmp_path, context=ANY)
    with running_app(tmp_path) as app:
        many = app.post(DECIDE, {"context": {"about": {f"new-{i}": i for i in range(10_000)}}, "decision_id": "d"})
        logged = list(find_events(tmp_path / "data" / "log", "d"))
        good = app.post(DECIDE, {"context": {"about": {f"new-{i}": i for i in range(1000)}}, "decision_id": "d"})

    assert (many.status, many.json["errors"][0]["code"]) == (400, "too_many_fields")
    assert "$.context.about: has 10,000 values; expected at most 1,000." in many.json["detail"]
    assert logged == []
    assert good.status == 200


def test_json_that_is_nested_too_deeply_is_a_400(tmp_path):
    apply_loop(tmp_path, context=ANY)
    bodies = [f'{{"context":{{"about":{"[" * n}1{"]" * n}}}}}'.encode() for n in (32, 33, 5000)]
    with running_app(tmp_path) as app:
        answers = [app.ask("POST", DECIDE, body) for body in bodies]

    assert [answer.status for answer in answers] == [200, 400, 400]
    assert "is nested more than 32 levels deep; expected a few." in answers[1].json["detail"]


def test_the_description_of_the_api_knows_any_json(tmp_path):
    apply_loop(tmp_path, context=ANY | {"more": {"type": "json", "optional": True}})
    with running_app(tmp_path) as app:
        document = app.get("/openapi.json").json

    context = document["components"]["schemas"]["DecideRequest.front-page"]["properties"]["context"]
    assert context["properties"]["about"] == {
        "type": ["object", "array"],
        "description": "an object or a list of at most 1,000 values",
    }
    assert context["properties"]["more"]["type"] == ["object", "array", "null"]
    assert context["required"] == ["about"]
