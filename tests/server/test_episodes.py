"""Episodes over HTTP: a step, its end, its replay, and what the other loops' schemas say of them."""

import itertools

import pytest

from made_history import corridor
from made_loops import CORRIDOR
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.log.replay import find_events
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes import challenging
from policyloop.run.episodes.offline import refresh_offline
from policyloop.run.looks import look
from running_app import apply_loop, running_app

CART = {
    "loop": "cart",
    "context": {"x": {"type": "number"}, "v": {"type": "number"}},
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "limits": {"force": {"max_change": 0.25}},
    "episodes": {"max_steps": 100},
    "outcomes": {"reached": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "reached - abs(next.x) / 10", "range": [-1, 1]},
    "baseline": "uniform",
    "learner": {"name": "cql"},
    "explore": {"name": "gaussian", "floor": 0.1},
    "aliases": [],
}
DECIDE, OUTCOMES = "/v1/loops/cart/decide", "/v1/loops/cart/outcomes"
STATE = {"x": 0.5, "v": 0.0}


@pytest.fixture
def folder(tmp_path):
    apply_loop(tmp_path, **CART)
    return tmp_path


def test_an_episode_is_decided_step_by_step_and_ended(folder):
    with running_app(folder) as app:
        answers = [app.post(DECIDE, {"context": STATE, "episode_id": "e1", "step": step}) for step in range(3)]
        full = app.post(DECIDE + "?pmf=true", {"context": STATE, "episode_id": "e2", "step": 0})
        last = answers[-1].json["decision_id"]
        end = {"decision_id": last, "outcomes": {"reached": True}, "truncated": True, "next_context": STATE}
        ended = app.post(OUTCOMES, end)
        both = app.post(OUTCOMES, {**end, "terminated": True})
        metrics = app.get("/metrics").body.decode()
        events = [event for _, event in find_events(folder / "data" / "log", last)]

    forces = [answer.json["values"]["force"] for answer in answers]
    assert [answer.json["step"] for answer in answers] == [0, 1, 2]
    assert all(abs(after - before) <= 0.25 + 1e-12 for before, after in itertools.pairwise(forces))
    assert answers[0].json["propensity"] == 0.5  # evenly over a width of 2
    assert full.json["density"] == {"family": "uniform", "low": [-1.0], "high": [1.0]}
    assert (ended.status, ended.json["accepted"], ended.json["warnings"]) == (202, 1, [])
    assert (both.status, both.json["errors"][0]["where"]) == (400, "$.truncated")
    decision, outcome = events
    assert (decision.action_value, decision.episode_id, decision.step) == ([forces[2]], "e1", 2)
    assert (outcome.terminated, outcome.truncated, outcome.next_context) == (None, True, '{"x":0.5,"v":0.0}')
    assert 'policyloop_fallbacks_total{loop="cart",reason="no_model",worker="0"} 4' in metrics


def test_what_an_episode_needs_is_told_with_its_place(folder):
    with running_app(folder) as app:
        nothing = app.post(DECIDE, {"context": STATE})
        middle = app.post(DECIDE, {"context": STATE, "episode_id": "e1", "step": 4})
        again = [app.post(DECIDE, {"context": STATE, "episode_id": "e2", "step": 0}) for _ in range(2)]

    assert [part["where"] for part in nothing.json["errors"]] == ["$.episode_id", "$.step"]
    assert [part["where"] for part in middle.json["errors"]] == ["$.previous"]
    assert [answer.status for answer in again] == [200, 400]
    assert again[1].json["errors"][0]["code"] == "step_not_rising"


def test_decisions_of_another_system_come_in_with_their_density(folder):
    row = {"type": "decision", "loop": "cart", "context": STATE, "values": {"force": 0.5}, "episode_id": "e1", "step": 0}
    with running_app(folder) as app:
        rows = [
            {**row, "propensity": 0.5, "propensity_kind": "density", "action_source": "random"},
            {**row, "step": 1, "propensity_kind": "point", "action_source": "expert"},
            {**row, "step": 2, "values": [7]},
        ]
        results = app.post("/v1/track", rows).json["results"]

    assert [result["status"] for result in results] == ["accepted", "accepted", "refused"]
    assert [part["where"] for part in results[2]["error"]["errors"]] == ["$[2].values[0]"]


def test_the_schema_of_the_loop_names_its_numbers(folder):
    with running_app(folder) as app:
        schemas = app.get("/openapi.json").json["components"]["schemas"]

    values = schemas["DecideAnswer.cart"]["properties"]["values"]
    assert values["properties"] == {"force": {"type": "number", "minimum": -1.0, "maximum": 1.0}}
    assert schemas["DecideAnswer.cart"]["properties"]["action"] == {"type": "string"}
    assert schemas["OutcomeRequest.cart"]["properties"]["executed"]["anyOf"][0] == values


def test_a_challenger_that_advises_is_heard_by_whoever_asks_and_a_person_lets_it(tmp_path):
    with open_deployment(Home(tmp_path / "data"), SystemClock()) as deployment:
        deployment.registry.apply(read_spec(CORRIDOR))
        standing = deployment.registry.standing("corridor")
        now_us = deployment.clock.now_us()
        job = jobs.begin(deployment.records, "corridor", reason="asked for", n_examples=0, now_us=now_us)
        model = refresh_offline(deployment, standing, corridor(40), snapshot={}, job_id=job.id).model
        challenging.begin(deployment, "corridor", model, why="a try")
        look(deployment, "corridor")
    asked = {"context": {"place": 0.2}, "episode_id": "e1", "step": 0}

    with running_app(tmp_path) as app:
        in_shadow = app.post("/v1/loops/corridor/decide", asked)
        gate = app.post("/v1/loops/corridor/gate/advise", {"why": "to see it"})
        again = app.post("/v1/loops/corridor/gate/advise", {})
    with running_app(tmp_path) as app:
        advised = app.post("/v1/loops/corridor/decide", {**asked, "episode_id": "e2"})

    assert "advice" not in in_shadow.json
    assert (gate.status, gate.json["challenge"]["state"]) == (200, "ADVISORY")
    assert (again.status, again.json["code"]) == (409, "challenge_refused")
    assert advised.json["policy"] == "baseline"
    assert advised.json["advice"]["model"] == model
    assert -0.2 <= advised.json["advice"]["values"]["move"] <= 0.2
    assert advised.json["advice"].keys() == {"model", "action", "values", "action_value_estimate"}
