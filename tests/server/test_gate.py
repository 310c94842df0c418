"""The gate over HTTP: where things stand, and a person's word on it."""

import pytest

from running_app import apply_loop, running_app


@pytest.fixture
def served(tmp_path):
    apply_loop(tmp_path)
    with running_app(tmp_path) as app:
        yield app


def ask(served, path, body=b"{}"):
    return served.ask("POST", f"/v1/loops/front-page{path}", body, {"content-type": "application/json"})


def test_a_loop_without_a_challenge_says_so(served):
    state = served.get("/v1/loops/front-page/gate").json

    assert (state["loop"], state["challenge"], state["is_frozen"], state["alarms"]) == ("front-page", None, False, [])
    assert served.get("/v1/loops/front-page/gate/moves").json == {"moves": []}


def test_a_person_freezes_and_unfreezes(served):
    assert ask(served, "/gate/freeze", b'{"why": "sales start"}').json["is_frozen"]
    assert not ask(served, "/gate/unfreeze").json["is_frozen"]


def test_without_a_model_there_is_nothing_to_challenge(served):
    answer = ask(served, "/challenges", b'{"recipe": {"learner": "boosted"}}')

    assert (answer.status, answer.json["code"]) == (409, "challenge_refused")
    assert "has no model live yet" in answer.json["detail"]


@pytest.mark.parametrize("word", ["advise", "approve", "retire"])
def test_a_word_on_no_challenge_is_refused_with_the_way_out(served, word):
    answer = ask(served, f"/gate/{word}")

    assert (answer.status, answer.json["code"]) == (409, "challenge_refused")
    assert "`policyloop challenge front-page --recipe FILE` begins one" in answer.json["detail"]


def test_a_mistake_in_a_recipe_is_told_with_its_place(served):
    answer = ask(served, "/challenges", b'{"recipe": {"learner": "bosted"}}')

    assert (answer.status, answer.json["where"]) == (400, "$.learner.name")
    assert "did you mean 'boosted'" in answer.json["detail"]
