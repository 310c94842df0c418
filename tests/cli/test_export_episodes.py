"""`policyloop export` and `import` of episodes, and `export` of models: what goes out comes in again, and runs elsewhere."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from episodes_of_a_cart import REWARDED, transitions
from policyloop.core.settings import Home
from policyloop.interop.histories import rllib
from policyloop.policy.onnx_network import session
from policyloop.policy.policies.onnx import from_files
from policyloop.run.deployment import open_deployment
from small_network import CART, model_of, promote_network

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
    run = session((tmp_path / "cart.onnx").read_bytes())
    action, _ = run.run(None, {"state": states})
    np.testing.assert_allclose(action, network.act(states), atol=1e-5)
    said = run.get_modelmeta().custom_metadata_map
    assert (said["loop"], said["model"], json.loads(said["state"])) == ("cart", model, ["x", "v", "goal"])
    assert json.loads(said["box"]) == [{"name": "force", "min": -2.0, "max": 2.0}]
    told = json.loads(cart("export", "safetensors", "cart", "cart.safetensors", "--model", model[:8], "--json").out)
    assert told == {"model": model, "files": ["cart.safetensors", "cart.safetensors.json"]}


def test_examples_are_not_asked_of_a_loop_with_episodes(cart, tmp_path):
    ran = cart("export", "vw-dsjson", "cart", "out.dsjson")

    assert ran.code == 2
    assert "vw-dsjson: is for loops without episodes, and loop 'cart' has them; expected minari, rllib, transitions." in ran.err
    assert not (tmp_path / "out.dsjson").exists()


def test_what_another_program_made_leaves_as_it_serves(cart, tmp_path):
    with open_deployment(HOME) as deployment:
        spec = deployment.registry.standing("cart").spec
        manifest, tensors = model_of(spec, wild_onnx())
        model = deployment.registry.publish(msgspec.structs.replace(manifest, policy="onnx"), tensors)

    ran = cart("export", "onnx", "cart", "cart.onnx", "--model", model[:8])

    assert ran.err == f"wrote model {model[:12]}: cart.onnx.\n"
    run = session((tmp_path / "cart.onnx").read_bytes())
    (action,) = run.run(["action"], {"state": np.float32([[0.1, 0.2, 0.5], [9, 9, 9], [-9, -9, -9]])})
    np.testing.assert_allclose(action, [[0.8], [2.0], [-2.0]], atol=1e-6)  # brought back into the box, as when it serves
    assert json.loads(run.get_modelmeta().custom_metadata_map["state"]) == ["x", "v", "goal"]
    refused = cart("export", "safetensors", "cart", "cart.st", "--model", model[:8])
    assert "is an ONNX file of another program; expected `policyloop export onnx`" in refused.err
    assert "which always does the same" in cart("export", "onnx", "cart", "c", "--model", model[:8], "--stochastic").err


def wild_onnx():
    """Another program's: the sum of the state, wherever the box ends."""
    nodes = [helper.make_node("ReduceSum", ["state", "axis"], ["action"], keepdims=1)]
    given = helper.make_tensor_value_info("state", TensorProto.FLOAT, [None, 3])
    done = helper.make_tensor_value_info("action", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "wild", [given], [done], [numpy_helper.from_array(np.int64([1]), "axis")])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return from_files(data, None, state_shape=(3,), low=[-2.0], high=[2.0], n_labels=0)


def test_a_model_that_is_not_there_is_refused(cart):
    none = cart("export", "onnx", "cart", "cart.onnx")

    assert none.code == 2
    assert "loop 'cart' has no model" in none.err
