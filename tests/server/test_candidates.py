"""Candidates over HTTP: decided, ranked, registered ahead, and refused with their place."""

import pytest

from running_app import apply_loop, running_app

CONTEXT = {"hour": 9, "device": "phone"}
ACTIONS = {"kind": "candidates", "features": {"price": {"type": "number", "min": 0}}, "ids": ["house-ad"], "max": 100}


@pytest.fixture
def app(tmp_path):
    apply_loop(tmp_path, actions=ACTIONS, baseline="house-ad")
    with running_app(tmp_path) as running:
        yield running


def offer(n_candidates, **others):
    actions = [{"id": f"item-{i}", "features": {"price": i}} for i in range(n_candidates)]
    return {"context": CONTEXT, "actions": actions, **others}


def decide(app, body, query=""):
    return app.post(f"/v1/loops/front-page/decide{query}", body)


def test_one_of_those_offered_comes_back_with_its_probability(app):
    answer = decide(app, offer(4, exclude=["item-2"]), "?pmf=true").json

    assert answer["action"] == f"item-{answer['index']}"
    assert answer["pmf"][2] == 0
    assert sum(answer["pmf"]) == pytest.approx(1)
    assert answer["pmf"][answer["index"]] == answer["propensity"]
    assert "ranking" not in answer


def test_a_ranking_begins_with_the_decision_and_is_as_long_as_can_be(app):
    answer = decide(app, offer(4, exclude=["item-2"], n=9)).json

    assert answer["ranking"][0] == answer["action"]
    assert sorted(answer["ranking"]) == ["item-0", "item-1", "item-3"]


def test_a_known_id_may_be_the_baseline(app):
    body = offer(3, decision_id="d-1")
    body["actions"].append({"id": "house-ad", "features": {"price": 5}})

    pmf = decide(app, body, "?pmf=true").json["pmf"]

    assert pmf == pytest.approx([0.005, 0.005, 0.005, 0.985])


def test_the_same_id_with_other_candidates_is_a_conflict(app):
    first = decide(app, offer(3, decision_id="d-1"))
    again = decide(app, offer(3, decision_id="d-1"))
    other = decide(app, offer(4, decision_id="d-1"))

    assert first.json == again.json
    assert (other.status, other.json["code"]) == (409, "decision_conflict")


def test_a_set_is_registered_once_and_named_in_decisions(app):
    first = app.post("/v1/loops/front-page/action-sets", {"actions": offer(30)["actions"]})
    again = app.post("/v1/loops/front-page/action-sets", {"actions": offer(30)["actions"]})

    answer = decide(app, {"context": CONTEXT, "action_set": first.json["action_set"], "exclude": ["item-0"], "n": 3})

    assert (first.status, first.json["n"]) == (201, 30)
    assert first.json == again.json
    assert answer.status == 200
    assert len(answer.json["ranking"]) == 3


@pytest.mark.parametrize(
    ("body", "where", "message"),
    [
        ({"context": CONTEXT}, "$.actions", "are missing; expected the candidates, or action_set"),
        (offer(101), "$.actions", "has 101 candidates; expected 1 to 100."),
        (offer(2, n=0), "$.n", "is 0; expected 1 to 100."),
        (offer(2, exclude=["item-0", "item-1"]), "$.exclude", "leaves no action"),
        (offer(2, exclude=["item-7"]), "$.exclude[0]", "no action is named 'item-7'"),
        (offer(2, mask=[True]), "$.mask", "has 1 entries; expected 2"),
        (offer(2, action_set="x"), "$.actions", "are sent together with action_set"),
        ({"context": CONTEXT, "action_set": "x"}, "$.action_set", "is 'x', a set that is not registered"),
        ({"context": CONTEXT, "actions": [{"id": "a"}]}, "$.actions[0].features.price", "is missing; expected"),
        ({"context": CONTEXT, "actions": [{"id": 7}]}, "$.actions[0].id", "expected"),
        ({"context": CONTEXT, "actions": {"id": "a"}}, "$", "expected"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(app, body, where, message):
    answer = decide(app, body)

    assert answer.status == 400
    assert (answer.json["where"], message in answer.json["detail"]) == (where, True), answer.json


def test_registering_tells_every_fault_too(app):
    answer = app.post("/v1/loops/front-page/action-sets", {"actions": [{"id": "a"}, {"id": "a", "features": {"price": -1}}]})

    assert answer.status == 400
    assert [error["where"] for error in answer.json["errors"]] == [
        "$.actions[1].id",
        "$.actions[0].features.price",
        "$.actions[1].features.price",
    ]


def test_a_loop_with_labels_takes_no_candidates(tmp_path):
    apply_loop(tmp_path)
    with running_app(tmp_path) as app:
        registered = app.post("/v1/loops/front-page/action-sets", {"actions": offer(2)["actions"]})
        decided = decide(app, {"context": CONTEXT, "action_set": "x"})

    assert (registered.status, registered.json["where"]) == (400, "$.actions")
    assert (decided.status, decided.json["where"]) == (400, "$.action_set")


def test_the_documented_body_is_the_loops_own(app):
    schemas = app.get("/openapi.json").json

    text = str(schemas)
    assert "'maxItems': 100" in text
    assert "'price': {'type': 'number'" in text


@pytest.mark.parametrize("actions", [["a", "b"], [{"features": {"price": 1}}], [{"id": "a", "feature": {}}]])
def test_candidates_that_cannot_be_read_are_not_called_missing_as_well(app, actions):
    answer = decide(app, {"context": CONTEXT, "actions": actions})

    assert answer.status == 400
    assert "are missing" not in answer.json["detail"]
    assert answer.json["where"].startswith("$.actions[0]")
