"""`policyloop export` and `import` of episodes, and `export` of models: what goes out comes in again, and runs elsewhere."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from episodes_of_a_cart import REWARDED, transitions
from policyloop.core.settings import Home
from policyloop.interop.histories import rllib
from policyloop.policy.onnx_network import session
from policyloop.run.deployment import open_deployment
from small_network import CART, promote_network

HOME = Home(Path("policyloop-data"))
LOOP = CART | REWARDED


@pytest.fixture
def cart(policyloop, tmp_path):
    """A project whose loop `cart` is applied, with a file of two episodes to bring in."""
    (tmp_path / "cart.yaml").write_text(yaml.safe_dump(LOOP, sort_keys=False))
    assert policyloop("apply").code == 0
    with open_deployment(HOME) as deployment:
        rllib.write(tmp_path / "rows.json", transitions(), deployment.registry.standing("cart").spec)
    return policyloop


def test_episodes_that_came_in_go_out_again_whole(cart, tmp_path):
    came = cart("import", "rllib", "cart", "rows.json")
    joined = cart("join", "cart")

    went = cart("export", "transitions", "cart", "out.parquet")

    assert came.out == "imported 2 episodes of 5 steps. `policyloop up` or `policyloop join` makes transitions of them.\n"
    assert joined.code == 0
    assert went.err == "wrote 2 episodes of cart, 5 steps.\n"
    again = cart("import", "transitions", "cart", "out.parquet", "--dry-run")
    assert again.out == "checked 2 episodes of 5 steps; nothing was written (--dry-run).\n"


def test_a_file_that_came_in_before_counts_nothing_twice(cart):
    cart("import", "rllib", "cart", "rows.json")

    assert (
        cart("import", "rllib", "cart", "rows.json").out
        == "rows.json was imported before: 2 episodes of 5 steps; nothing was done.\n"
    )
    told = json.loads(cart("import", "rllib", "cart", "rows.json", "--json").out)
    assert told == {"loop": "cart", "file": "rows.json", "written": False, "n_episodes": 2, "n_decisions": 5}


def test_a_part_of_the_episodes_and_the_counts_for_a_script(cart):
    cart("import", "rllib", "cart", "rows.json")
    cart("join", "cart")

    every = json.loads(cart("export", "minari", "cart", "all", "--json").out)
    parts = [cart("export", "rllib", "cart", f"{part}.json", "--part", part, "--json") for part in ("learned", "held-out")]

    assert (every["n_episodes"], every["n_steps"]) == (2, 5)
    counted = [json.loads(ran.out)["n_episodes"] if ran.code == 0 else 0 for ran in parts]
    assert sum(counted) == 2


def test_a_loop_without_its_episodes_or_without_any_says_what_to_do(cart, project):
    empty = cart("export", "minari", "cart", "all")
    alone = project("export", "minari", "front-page", "all")

    assert "loop 'cart' has no episode in the tables yet; bring some in, and run `policyloop join`." in empty.err
    assert "minari: is for loops with episodes; loop 'front-page' has none. Say `episodes: {}` in its file." in alone.err


def test_the_champion_leaves_as_a_file_that_runs_without_us(cart, tmp_path):
    with open_deployment(HOME) as deployment:
        model, network = promote_network(deployment, "cart")
    states = np.float32([[0.1, 0.2, 0.5]])

    ran = cart("export", "onnx", "cart", "cart.onnx")

    assert ran.err == f"wrote model {model[:12]}: cart.onnx.\n"
    action, _ = session((tmp_path / "cart.onnx").read_bytes()).run(None, {"state": states})
    np.testing.assert_allclose(action, network.act(states), atol=1e-5)
    told = json.loads(cart("export", "safetensors", "cart", "cart.safetensors", "--model", model[:8], "--json").out)
    assert told == {"model": model, "files": ["cart.safetensors", "cart.safetensors.json"]}


def test_a_model_that_is_not_there_is_refused(cart):
    none = cart("export", "onnx", "cart", "cart.onnx")

    assert none.code == 2
    assert "loop 'cart' has no model" in none.err
