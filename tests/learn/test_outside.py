"""Any outside algorithm: a folder goes in, ONNX and metrics come out, and what is wrong with them is said."""

import json
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from made_history import MOVE, STEP, corridor, ladder
from policyloop.core.errors import BadSetting, OutsideFailed
from policyloop.learn.learners.outside import ALLOW, create_episodic, table_of

MODEL = """
    import json, pathlib, sys
    import numpy as np, onnx
    from onnx import TensorProto, helper, numpy_helper

    def write(folder, *, to="action", width=1, more=(), told={"q_mean": 3.5}, values=False):
        weights = numpy_helper.from_array(np.full((1, width), -0.25, dtype=np.float32), "w")
        nodes = [helper.make_node("MatMul", ["state", "w"], [to]), *more]
        tell = lambda name, n: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n])
        outputs = [tell(to, width)]
        if values:
            nodes.append(helper.make_node("Identity", ["state"], ["value"]))
            outputs.append(tell("value", 1))
        graph = helper.make_graph(nodes, "own", [tell("state", 1)], outputs, [weights])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        (folder / "model.onnx").write_bytes(made.SerializeToString())
        (folder / "metrics.json").write_text(json.dumps(told))

    def learn(name):
        folder = pathlib.Path(name)
        """


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A function that writes a program with that last part, and answers a learner that runs it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ALLOW, "1")

    def made(body, *, history=None, actions=MOVE, **settings):
        text = textwrap.dedent(MODEL) + textwrap.indent(textwrap.dedent(body), "    ")
        (tmp_path / "own.py").write_text(text + "\n\nif __name__ == '__main__':\n    learn(sys.argv[1])\n")
        rows = corridor(20) if history is None else history
        chosen = settings or {"command": f"{sys.executable} own.py"}
        return create_episodic(rows, rows, actions=actions, seed=5, **chosen)

    return made


@pytest.mark.parametrize("settings", [{}, {"function": "own:learn"}], ids=["command", "function"])
def test_a_program_becomes_a_policy_with_its_metrics(program, settings):
    learner = program("write(folder)", **settings)

    told = learner.advance(1)

    assert told == {"q_mean": 3.5}
    state = np.array([[0.4], [0.8]], dtype=np.float32)
    np.testing.assert_allclose(learner.policy().act(state), [[-0.1], [-0.2]], rtol=1e-6)
    assert learner.diagnose() == {}  # it says nothing of what it expects beyond its metrics


def test_it_is_handed_the_transitions_and_a_seed(program, tmp_path):
    learner = program("write(folder); import shutil; shutil.copytree(folder, 'seen')")

    learner.advance(1)

    task = json.loads((tmp_path / "seen" / "task.json").read_text())
    assert task == {"seed": 5, "discount": 0.95, "state_shape": [1], "labels": [], "low": [-0.2], "high": [0.2]}
    table = pq.read_table(tmp_path / "seen" / "data.parquet")
    history = corridor(20)
    np.testing.assert_array_equal(np.array(table["action_value"].to_pylist(), dtype=np.float32), history.action_value)
    np.testing.assert_array_equal(table["truncated"].to_numpy(), history.truncated)
    assert table.equals(table_of(history))


def test_labels_are_scored_and_so_the_return_is_known(program):
    learner = program("write(folder, to='scores', width=2, told={'loss': 1.0})", history=ladder(20), actions=STEP)

    learner.advance(1)

    assert learner.diagnose()["q_mean"] == pytest.approx(-0.25 * ladder(20).state.mean(), rel=1e-5)
    assert learner.policy().scores(np.ones((3, 1))).shape == (3, 2)


def test_a_return_that_it_knows_of_its_own_action_alone_is_asked_of_every_state(program):
    history = corridor(20)
    done = history.action_value.copy()
    done[7] = -0.25 * history.state[7]  # one step did by chance what it would do
    learner = program("write(folder, values=True)", history=replace(history, action_value=done))

    learner.advance(1)

    told = learner.diagnose()
    assert told["q_mean"] == pytest.approx(history.state.mean(), rel=1e-5)
    assert (told["q_min"], told["q_max"]) == (history.state.min(), history.state.max())


def test_it_goes_on_from_its_state(program):
    learner = program("write(folder)")
    learner.advance(1)
    other = program("raise SystemExit(3)")

    other.resume({name: np.array(tensor) for name, tensor in learner.state().items()})

    state = np.array([[0.4]], dtype=np.float32)
    np.testing.assert_array_equal(other.policy().act(state), learner.policy().act(state))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit('no such data')", "ended with exit code 1: no such data"),
        ("pass", "left no model.onnx and no metrics.json"),
        ("write(folder, told=[1])", "expected an object of numbers"),
        ("write(folder, told={'q_mean': float('nan')})", "says that q_mean is nan"),
        ("write(folder, width=2)", r"gives 'action' of the shape \(2, 2\) for 2 states; expected \(2, 1\)"),
        ("write(folder, to='scores')", "gives scores; expected an output named 'action'"),
        ("write(folder); (folder / 'model.onnx').write_bytes(b'nothing')", "is no ONNX model"),
    ],
)
def test_what_a_program_leaves_is_looked_at(program, body, said):
    with pytest.raises(OutsideFailed, match=said):
        program(body).advance(1)


def test_a_program_that_says_nothing_of_the_return_is_refused(program):
    learner = program("write(folder, told={'loss': 1.0})")
    learner.advance(1)

    with pytest.raises(OutsideFailed, match=r"metrics\.json has no q_mean"):
        learner.diagnose()


def test_a_program_that_takes_too_long_is_stopped(program):
    with pytest.raises(OutsideFailed, match=r"took longer than 0.5 s \(timeout_s\)"):
        program("import time; time.sleep(60)", command=f"{sys.executable} own.py", timeout_s=0.5).advance(1)


def test_nothing_is_run_unless_whoever_trains_allows_it(program, monkeypatch, tmp_path):
    learner = program("pathlib.Path('was-run').touch()")
    monkeypatch.delenv(ALLOW)

    with pytest.raises(OutsideFailed, match="nobody has allowed that; set POLICYLOOP_ALLOW_OUTSIDE=1"):
        learner.advance(1)

    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    "settings", [{}, {"command": "a", "function": "b:c"}, {"function": "b"}, {"command": "a", "timeout_s": 0}]
)
def test_settings_that_make_no_program_are_refused(settings):
    with pytest.raises(BadSetting):
        create_episodic(corridor(5), corridor(5), actions=MOVE, seed=0, **settings)
