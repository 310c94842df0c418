"""Predict: what the champion's network makes of states, and what it refuses."""

import numpy as np
import pytest

from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from policyloop.server.endpoints.predict import MAX_INPUTS
from running_app import LOOP, running_app
from small_network import CART, STEERED, promote_network
from trained import train_and_promote

INPUTS = [[0.1, -0.4, 0.5], [2.0, 1.0, -0.5]]
STATES = np.float32(INPUTS)


@pytest.fixture(scope="module")
def champions(tmp_path_factory):
    """The application with a loop over numbers, one over labels, and two without a network; and the networks."""
    folder = tmp_path_factory.mktemp("predict")
    with open_deployment(Home(folder / "data")) as deployment:
        for loop in (CART, STEERED, LOOP, LOOP | {"loop": "other", "aliases": []}):
            deployment.registry.apply(read_spec(loop))
        deployment.registry.apply(read_spec(CART | {"loop": "learned"}))
        promote_network(deployment, "learned", learned_from=np.float32([[0, 0, 0], [1, 1, 1]]))
        networks = {loop["loop"]: promote_network(deployment, loop["loop"]) for loop in (CART, STEERED)}
        train_and_promote(deployment, loop="other")
    with running_app(folder) as app:
        yield app, networks


def test_over_numbers_the_value_is_of_the_mean_which_keeps_the_limits(champions):
    app, networks = champions
    model, network = networks["cart"]

    answer = app.post("/v1/loops/cart/predict", {"inputs": INPUTS})

    assert answer.status == 200
    told = answer.json
    assert (told["model"], told["names"]) == (model, ["force"])
    mean = np.clip(network.act(STATES), -0.5, 1.5)
    np.testing.assert_allclose(told["mean"], mean, atol=1e-6)
    np.testing.assert_allclose(told["value"], network.value(STATES, mean), atol=1e-5)
    assert all(0 < one[0] < 2 for one in told["standard_deviation"])  # half the box


def test_over_labels_there_is_a_mean_for_every_label_and_the_value_of_the_best(champions):
    app, networks = champions
    network = networks["steered"][1]

    told = app.post("/v1/loops/steered/predict", {"inputs": INPUTS}).json

    assert told["names"] == ["left", "right"]
    np.testing.assert_allclose(told["mean"], network.critics(STATES).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(told["value"], network.scores(STATES).max(axis=1), atol=1e-5)


def test_states_that_the_model_did_not_learn_from_are_told_and_there_decide_falls_back(champions):
    app, _ = champions
    inside, outside = {"x": 0.5, "v": 0.5, "goal": 0.5}, {"x": 3.0, "v": 0.5, "goal": 0.5}

    told = app.post("/v1/loops/learned/predict", {"inputs": [list(inside.values()), list(outside.values())]}).json
    asked = [{"context": one, "episode_id": f"e{n}", "step": 0} for n, one in enumerate((inside, outside))]
    fell_back = [app.post("/v1/loops/learned/decide", one).json["fallback"] for one in asked]

    assert told["within_history"] == [True, False]
    assert fell_back == [False, True]
    assert "within_history" not in app.post("/v1/loops/cart/predict", {"inputs": INPUTS}).json  # its model does not tell


@pytest.mark.parametrize(("loop", "said"), [("front-page", "the baseline decides"), ("other", "no network, decides")])
def test_a_loop_where_no_network_decides_says_who_does(champions, loop, said):
    answer = champions[0].post(f"/v1/loops/{loop}/predict", {"inputs": INPUTS})

    assert (answer.status, answer.json["code"]) == (409, "no_network")
    assert said in answer.json["detail"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([0.1, 0.2], "has 2 numbers; expected 3 numbers."),
        ([0.1, None, 0.2], "holds what is no number; expected 3 numbers."),
        ([0.1, "x", 0.2], "holds what is no number; expected 3 numbers."),
        ([True, False, True], "holds what is no number; expected 3 numbers."),
        ([[0.1], [0.2, 0.3], 1], "is no even list; expected 3 numbers."),
        ([0.1, 1e39, 0.2], "holds a number that is too large; expected what float32 can hold."),
        (7, "has no list of numbers; expected 3 numbers."),
        ({"x": 1}, "is an object; expected a list of 3 numbers, in this order: x, v, goal."),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_what_was_expected(champions, row, said):
    answer = champions[0].post("/v1/loops/cart/predict", {"inputs": [INPUTS[0], row, INPUTS[1]]})

    assert answer.status == 400
    assert answer.json["errors"] == [{"where": "$.inputs[1]", "message": said, "code": "invalid"}]


@pytest.mark.parametrize("body", [b'{"inputs": [[NaN, 0, 0]]}', b'{"inputs": [[Infinity, 0, 0]]}', b'{"inputs": 3}', b"{}"])
def test_what_is_no_list_of_numbers_is_refused(champions, body):
    assert champions[0].ask("POST", "/v1/loops/cart/predict", body).status == 400


@pytest.mark.parametrize("n", [0, MAX_INPUTS + 1])
def test_none_and_too_many_are_refused(champions, n):
    answer = champions[0].post("/v1/loops/cart/predict", {"inputs": [[0.0, 0.0, 0.0]] * n})

    assert answer.status == 400
    assert f"$.inputs: has {n:,} states; expected 1 to 1,000 at a time." in answer.json["detail"]


def test_wild_states_never_leave_the_limits(champions):
    wild = [[1e6, -1e6, 1e6], [-1e6, 1e6, 0.0], [1e9, 0.0, -1e9]]

    told = champions[0].post("/v1/loops/cart/predict", {"inputs": wild}).json

    assert all(-0.5 <= one[0] <= 1.5 for one in told["mean"])


def test_states_beyond_all_numbers_are_refused_by_their_rows(champions):
    answer = champions[0].post("/v1/loops/cart/predict", {"inputs": [INPUTS[0], [3e38, 3e38, -3e38]]})

    assert answer.status == 400
    assert answer.json["errors"][0]["where"] == "$.inputs[1]"
