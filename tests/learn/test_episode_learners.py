"""What every learner of episodes promises. A new file in learn/learners is tested here without an edit."""

import json
import shlex
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.learn.learners.outside import ALLOW
from policyloop.learn.train import LEARNERS
from policyloop.testing.episode_learners import PROMISES, after_an_end_nothing_is_expected_and_after_a_cut_what_comes

OURS = tuple(name for name in names_with(LEARNERS, "create_episodic") if name in plugins.ours(LEARNERS))
# Compiling takes all the time there is: it is done once for all promises and learners whose method and sizes are the same.
SMALL = {"width": 16, "depth": 1, "batch": 32, "layer_norm": False, "learning_rate": 3e-3, "target_rate": 0.05}
TREES = {"n_trees": 20}
# What a program of others learns is its own affair; the one that is run here learns nothing.
NOT_OURS = {("outside", after_an_end_nothing_is_expected_and_after_a_cut_what_comes)}


def file_of(path, inputs, output, weights):
    """An ONNX file that adds up its inputs, each times its weights: one output of `n` numbers."""
    n = len(weights[0][0])
    kept = [numpy_helper.from_array(np.float32(w), f"w{i}") for i, w in enumerate(weights)]
    nodes = [helper.make_node("MatMul", [name, f"w{i}"], [f"p{i}"]) for i, name in enumerate(inputs)]
    nodes.append(helper.make_node("Sum", [f"p{i}" for i in range(len(inputs))], [output]))
    sizes = dict(zip(inputs, (len(w) for w in weights), strict=True))
    told = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, m]) for name, m in {**sizes, output: n}.items()}
    graph = helper.make_graph(nodes, "own", [told[name] for name in inputs], [told[output]], kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A command that leaves what a learner of others might, made beforehand: one that learns would take a second to start."""
    folder = tmp_path_factory.mktemp("outside")
    told = dict.fromkeys(("critic_loss", "td_error", "conservative", "held_out_td_error", "held_out_conservative"), 0.5)
    for kind in ("labels", "numbers"):
        (folder / kind).mkdir()
        (folder / kind / "metrics.json").write_text(json.dumps(told))
    file_of(folder / "labels" / "model.onnx", ["state"], "scores", [[[0.2, 0.1], [0.3, -0.1]]])
    file_of(folder / "numbers" / "model.onnx", ["state"], "action", [[[0.2], [0.1]]])
    file_of(folder / "numbers" / "critic.onnx", ["state", "action"], "value", [[[0.2], [0.1]], [[0.5]]])
    script = (
        f"""if grep -q '"labels": \\[\\]' "$1/task.json"; then cp {folder}/numbers/* "$1"; else cp {folder}/labels/* "$1"; fi"""
    )
    return f"sh -c {shlex.quote(script)} sh"


@pytest.fixture
def create(request, monkeypatch):
    """The plug-in's `create_episodic` with small settings; what needs a library that is left out is skipped."""
    name = request.param
    try:
        plugin = plugins.load(LEARNERS, name)
    except MissingLibrary as error:
        pytest.skip(str(error))
    taken = settings_of(LEARNERS, name, "create_episodic")
    settings = {key: value for key, value in (TREES if "n_trees" in taken else SMALL).items() if key in taken}
    if name == "outside":
        monkeypatch.setenv(ALLOW, "1")
        settings["command"] = request.getfixturevalue("program")
    return partial(plugin.create_episodic, **settings)


@pytest.mark.parametrize(
    ("create", "promise"),
    [
        pytest.param(name, promise, id=f"{name}-{promise.__name__}")
        for name in OURS
        for promise in PROMISES
        if (name, promise) not in NOT_OURS
    ],
    indirect=["create"],
)
def test_it_keeps_its_promise(create, promise):
    promise(create)
