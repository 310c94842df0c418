"""Outcomes, activations and track over HTTP: durable when they are answered, counted once, refused as a whole or row by row."""

import json

from policyloop.log.replay import find_events
from running_app import CONTEXT, running_app

OUTCOMES = "/v1/loops/front-page/outcomes"


def test_a_report_that_was_taken_is_in_the_log(project):
    with running_app(project) as app:
        answer = app.post(OUTCOMES, {"decision_id": "d1", "outcomes": {"clicked": True, "dwell_s": 2}, "outcome_id": "o1"})
        ((_, event),) = find_events(project / "data" / "log", "d1")

    assert (answer.status, answer.json) == (202, {"accepted": 1, "duplicates": 0, "warnings": []})
    assert event.values == {"clicked": 1.0, "dwell_s": 2.0}


def test_a_retry_is_a_duplicate_and_another_value_is_not(served):
    one = {"decision_id": "d2", "outcomes": {"clicked": True}, "outcome_id": "o1"}

    first = served.post(OUTCOMES, [one, one])
    retry = served.post(OUTCOMES, one)
    other = served.post(OUTCOMES, one | {"outcomes": {"clicked": False}})

    assert [(a.json["accepted"], a.json["duplicates"]) for a in (first, retry, other)] == [(1, 1), (0, 1), (1, 0)]


def test_of_a_body_with_a_bad_report_nothing_is_taken(project):
    good = {"decision_id": "d3", "outcomes": {"clicked": True}}
    with running_app(project) as app:
        answer = app.post(OUTCOMES, [good, good | {"outcomes": {"dwell_s": -1}}, good | {"outcomes": {"clicked": "yes"}}])
        found = find_events(project / "data" / "log", "d3")

    assert answer.status == 400
    assert [part["where"] for part in answer.json["errors"]] == ["$[1].outcomes.dwell_s", "$[2].outcomes.clicked"]
    assert found == []


def test_faults_of_keys_and_of_values_come_back_together(served):
    bad = {"decision_id": "d3", "outcomes": {"dwell_s": -1}, "fnal": True}

    alone = served.post(OUTCOMES, bad)
    several = served.post(OUTCOMES, [{"decision": "d3"}, bad, {"decision_id": "", "outcomes": {"clicked": True}}, 7])
    activation = served.post("/v1/loops/front-page/activate", {"decision_id": "", "occured_at": "now"})

    assert places(alone.json) == ["$.fnal", "$.outcomes.dwell_s"]
    assert places(several.json) == [
        "$[0].decision",
        "$[0].decision_id",
        "$[0].outcomes",
        "$[1].fnal",
        "$[1].outcomes.dwell_s",
        "$[2].decision_id",
        "$[3]",
    ]
    assert places(activation.json) == ["$.occured_at", "$.decision_id"]


def test_a_hostile_body_is_answered_with_so_many_faults_as_one_reads(served):
    answer = served.post(OUTCOMES, [{"decision_id": ""}] * 5000)

    assert len(answer.json["errors"]) == 100


def test_each_row_of_track_tells_its_faults_of_keys_and_values_together(served):
    row = {"type": "outcome", "loop": "front-page", "decision_id": "", "outcomes": {"dwell_s": -1}, "fnal": True}
    decision = {"type": "decision", "loop": "front-page", "context": {"hour": 24}, "action": "bald", "deffer": 1}
    elsewhere = row | {"loop": "front-pag"}

    results = served.post("/v1/track", [row, decision, elsewhere]).json["results"]

    told = [places(result["error"]) for result in results]
    assert told[0] == ["$[0].fnal", "$[0].outcomes.dwell_s", "$[0].decision_id"]
    assert {"$[1].deffer", "$[1].context.hour", "$[1].action", "$[1].pmf"} <= set(told[1])
    assert told[2] == ["$[2].fnal"]


def places(problem):
    return [part["where"] for part in problem["errors"]]


def test_an_undeclared_name_is_taken_with_a_warning_and_the_nearest_name(served):
    answer = served.post(OUTCOMES, {"decision_id": "d4", "outcomes": {"cliked": True}})

    assert answer.status == 202
    assert "did you mean 'clicked'?" in answer.json["warnings"][0]


def test_many_reports_come_back_as_one_answer(served):
    reports = [{"decision_id": f"m{i}", "outcomes": {"clicked": i % 2 == 0}} for i in range(1000)]

    answer = served.post(OUTCOMES, reports)

    assert answer.json["accepted"] == 1000


def test_activating_twice_changes_nothing(served):
    first = served.post("/v1/loops/front-page/activate", {"decision_id": "d5"})
    second = served.post("/v1/loops/front-page/activate", {"decision_id": "d5"})

    assert first.json == {"accepted": 1, "duplicates": 0, "warnings": []}
    assert second.json == {"accepted": 0, "duplicates": 1, "warnings": []}


def test_track_takes_what_is_good_and_says_what_is_wrong_with_the_rest(project):
    rows = [
        {
            "type": "decision",
            "loop": "front-page",
            "decision_id": "t1",
            "context": CONTEXT,
            "action": "bold",
            "pmf": [0.5, 0.5, 0],
        },
        {"type": "outcome", "loop": "home", "decision_id": "t1", "outcomes": {"clicked": True}, "outcome_id": "o1"},
        {"type": "activation", "loop": "front-page", "decision_id": "t1"},
        {"type": "outcome", "loop": "frontpage", "decision_id": "t1", "outcomes": {}},
        {"type": "outcome", "loop": "front-page", "decision_id": "t1", "outcomes": {"clicked": True}, "outcome_id": "o1"},
    ]
    with running_app(project) as app:
        as_array = app.post("/v1/track", rows)
        lines = "\n".join(json.dumps(row) for row in rows).encode()
        as_lines = app.ask("POST", "/v1/track", lines, {"content-type": "application/x-ndjson"})
        found = find_events(project / "data" / "log", "t1")

    statuses = [result["status"] for result in as_array.json["results"]]
    assert statuses == ["accepted", "accepted", "accepted", "refused", "duplicate"]
    assert as_array.json["results"][3]["error"]["code"] == "unknown_loop"
    assert [r["status"] for r in as_lines.json["results"]] == ["duplicate"] * 3 + ["refused", "duplicate"]
    assert len(found) == 3


def test_reports_are_refused_whole_when_the_log_is_gone(project):
    row = {"type": "outcome", "loop": "front-page", "decision_id": "d", "outcomes": {"clicked": True}}
    with running_app(project) as app:
        app.app.service.log.close()
        answers = [app.post(OUTCOMES, {"decision_id": "d", "outcomes": {"clicked": True}}), app.post("/v1/track", [row])]

    assert [(a.status, a.json["code"]) for a in answers] == [(503, "log_unavailable")] * 2
