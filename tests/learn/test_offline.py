"""A training run: checkpoints with their numbers, the same after a kill, stopped where it diverges."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from made_history import corridor, ladder
from made_loops import CORRIDOR, LADDER
from policyloop.core.errors import BadSetting
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.learn.checkpoints import CheckpointFolder, lines_of
from policyloop.learn.offline import Checkpoint, Length, check_learner, goes_on, largest_value, length_of, train_offline

HISTORY = corridor(30)
TRAIN, HELD_OUT = HISTORY.to_learn_from(0.75), HISTORY.to_evaluate_on(0.75)


def spec_of(text, **changes):
    body = to_mapping(read_spec(text))
    for key, value in changes.items():
        body[key] = {**body[key], **value}
    return read_spec(body)


def weights(checkpoint):
    return {name: tensor.tobytes() for name, tensor in checkpoint.policy.save()[1].items()}


def test_a_run_tells_how_it_stood_at_every_checkpoint():
    told = []

    run = train_offline(
        TRAIN, HELD_OUT, spec=read_spec(CORRIDOR), seed=1, on_checkpoint=lambda checkpoint, state: told.append(checkpoint)
    )

    assert [checkpoint.n_updates for checkpoint in run.checkpoints] == [1, 2, 3, 4]
    assert tuple(told) == run.checkpoints
    assert run.stopped is None
    assert {"n_updates", "critic_loss", "q_mean", "q_min", "q_max", "td_error", "held_out_q_mean"} <= set(run.curve[0])


def test_labels_are_learned_about_by_the_same_run():
    history = ladder(30)

    run = train_offline(history, history, spec=read_spec(LADDER), seed=1)

    assert run.checkpoints[-1].policy.scores(np.zeros((1, 1))).shape == (1, 2)


NETWORK = {"name": "bc", "updates": 4, "checkpoint_every": 1, "batch": 16, "width": 8, "depth": 1}


@pytest.mark.parametrize("learner", [None, NETWORK], ids=["trees", "network"])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(tmp_path, learner):
    if learner is not None:
        pytest.importorskip("jax")
    spec = read_spec(CORRIDOR) if learner is None else read_spec({**to_mapping(read_spec(CORRIDOR)), "learner": learner})
    whole = train_offline(TRAIN, HELD_OUT, spec=spec, seed=1)
    folder = CheckpointFolder(tmp_path)
    folder.begin({"seed": 1})

    class Killed(Exception):
        pass

    def keep(checkpoint, state):
        folder.keep(checkpoint, state)
        if checkpoint.n_updates == 2:
            raise Killed

    with pytest.raises(Killed):
        train_offline(TRAIN, HELD_OUT, spec=spec, seed=1, on_checkpoint=keep)
    found = CheckpointFolder(tmp_path).begin({"seed": 1})
    again = train_offline(TRAIN, HELD_OUT, spec=spec, seed=1, resume_from=found, on_checkpoint=folder.keep)

    assert len(found.checkpoints) == 2
    assert again.curve == whole.curve
    assert [weights(c) for c in again.checkpoints] == [weights(c) for c in whole.checkpoints]
    assert [line["n_updates"] for line in lines_of(tmp_path)] == [1, 2, 3, 4]


SCRIPT = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from made_history import corridor
from made_loops import CORRIDOR
from policyloop.core.spec_file import read_spec
from policyloop.learn.checkpoints import CheckpointFolder
from policyloop.learn.offline import train_offline
history = corridor(30)
folder = CheckpointFolder(pathlib.Path(sys.argv[2]))
found = folder.begin({"seed": 1})
spec = read_spec(CORRIDOR.replace("updates: 4", "updates: 400"))
train_offline(history.to_learn_from(0.75), history.to_evaluate_on(0.75), spec=spec, seed=1,
              on_checkpoint=folder.keep, resume_from=found)
"""


def test_after_a_kill_at_any_moment_it_goes_on_exactly(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1]), str(tmp_path)])
    while len(lines_of(tmp_path)) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    found = CheckpointFolder(tmp_path).begin({"seed": 1})
    n = len(found.checkpoints)
    spec = spec_of(CORRIDOR, learner={"updates": n + 1})
    again = train_offline(TRAIN, HELD_OUT, spec=spec, seed=1, resume_from=found)

    whole = train_offline(TRAIN, HELD_OUT, spec=spec, seed=1)
    assert n >= 3
    assert again.curve == whole.curve
    assert weights(again.checkpoints[-1]) == weights(whole.checkpoints[-1])


def test_a_run_of_other_data_or_another_seed_begins_anew(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.begin({"seed": 1})
    train_offline(TRAIN, HELD_OUT, spec=read_spec(CORRIDOR), seed=1, on_checkpoint=folder.keep)

    assert folder.begin({"seed": 2}) is None
    assert lines_of(tmp_path) == []
    assert list(tmp_path.glob("*.safetensors")) == []


def test_half_a_line_is_left_for_later(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"n_updates": 1}) + '\n{"n_up')

    assert lines_of(tmp_path) == [{"n_updates": 1}]


@pytest.mark.parametrize(("metric", "value", "said"), [("critic_loss", np.nan, "is nan"), ("q_mean", 41.0, "than 20")])
def test_a_run_that_diverges_is_stopped_and_keeps_what_came_before(metric, value, said, tmp_path):
    # the most that can be earned is a reward of 1 for ever: 1 / (1 - 0.95) = 20; twice that is beyond doubt
    run = train_offline(TRAIN, HELD_OUT, spec=read_spec(CORRIDOR), seed=1)
    bad = Checkpoint(n_updates=3, metrics={**run.checkpoints[1].metrics, metric: value}, policy=run.checkpoints[1].policy)

    folder = CheckpointFolder(tmp_path)
    folder.begin({})
    folder.keep(bad, {"x": np.zeros(1)})
    again = train_offline(
        TRAIN, HELD_OUT, spec=spec_of(CORRIDOR, learner={"n_trees": 11}), seed=1, resume_from=_with_state(folder)
    )

    assert said in again.stopped
    assert "diverged after 3 updates" in again.stopped
    assert len(again.checkpoints) == 1


def _with_state(folder):
    """What was kept, with a state that the learner takes."""
    found = folder.begin({})
    kept = []
    train_offline(TRAIN, HELD_OUT, spec=read_spec(CORRIDOR), seed=1, on_checkpoint=lambda checkpoint, state: kept.append(state))
    return type(found)(checkpoints=found.checkpoints, state=kept[0])


def test_how_long_a_run_is_comes_from_the_loop_then_from_the_learner():
    assert length_of(read_spec(CORRIDOR)) == Length(updates=4, checkpoint_every=1)
    fewer = spec_of(CORRIDOR, learner={"updates": 10, "checkpoint_every": 4})
    assert length_of(fewer) == Length(updates=10, checkpoint_every=4)
    with pytest.raises(BadSetting, match=r"learner\.updates is 0; expected a whole number"):
        length_of(spec_of(CORRIDOR, learner={"updates": 0}))
    assert largest_value(read_spec(CORRIDOR)) == pytest.approx(20)


def test_a_learner_of_decisions_that_are_alone_is_refused():
    from dataclasses import replace  # noqa: PLC0415

    spec = read_spec(CORRIDOR)

    with pytest.raises(BadSetting, match="learns from decisions that are alone"):
        train_offline(TRAIN, HELD_OUT, spec=replace(spec, learner=replace(spec.learner, name="linear", settings={})), seed=1)


def test_a_loop_is_checked_before_there_is_any_history():
    check_learner(read_spec(CORRIDOR))
    check_learner(read_spec(LADDER))
    with pytest.raises(BadSetting, match=r"learner\.n_leaves is 1"):
        check_learner(spec_of(CORRIDOR, learner={"n_leaves": 1}))


def test_a_loop_is_checked_also_where_no_action_may_be_zero():
    text = CORRIDOR.replace("move: {min: -0.2, max: 0.2}", "valve: {min: 20, max: 80}").replace(
        "name: fqi, n_trees: 10", "name: td3_bc"
    )

    check_learner(read_spec(text))


def test_the_mean_best_expected_return_along_one_held_out_episode_is_followed():
    run = train_offline(TRAIN, HELD_OUT, spec=read_spec(CORRIDOR), seed=1)

    policy, states = run.checkpoints[-1].policy, HELD_OUT.state[:20]
    assert run.curve[-1]["max_q"] == pytest.approx(policy.value(states, policy.act(states)).mean())
    nobody = HELD_OUT.where(HELD_OUT.split > 1)
    assert "max_q" not in train_offline(TRAIN, nobody, spec=read_spec(CORRIDOR), seed=1).curve[-1]


def test_a_run_that_goes_on_begins_with_what_is_known():
    pytest.importorskip("jax", reason="needs the extra rl")
    learner = {"name": "dqn", "width": 8, "depth": 1, "batch": 16, "updates": 2, "checkpoint_every": 1}
    spec = read_spec(to_mapping(read_spec(LADDER)) | {"learner": learner})
    history, places = ladder(30), np.arange(5.0)[:, np.newaxis]
    known = train_offline(history, history, spec=spec, seed=1).checkpoints[-1].policy

    anew = train_offline(history, history, spec=spec, seed=2)
    on = train_offline(history, history, spec=spec, seed=2, begin_with=known)

    far_anew, far = (np.abs(run.checkpoints[0].policy.scores(places) - known.scores(places)).max() for run in (anew, on))
    assert far < 0.1 * far_anew  # one update is a small step


def test_trees_cannot_go_on_and_say_so():
    history = ladder(30)
    known = train_offline(history, history, spec=read_spec(LADDER), seed=1).checkpoints[-1].policy

    with pytest.raises(
        BadSetting, match=r"learner\.goes_on is true, and fqi cannot go on from a model; expected dqn or cql_discrete"
    ):
        train_offline(history, history, spec=read_spec(LADDER), seed=1, begin_with=known)


def test_whether_it_goes_on_is_true_or_false():
    assert goes_on(spec_of(LADDER, learner={"goes_on": True}))
    assert not goes_on(read_spec(LADDER))
    with pytest.raises(BadSetting, match=r"learner\.goes_on is yes please; expected true or false"):
        goes_on(spec_of(LADDER, learner={"goes_on": "yes please"}))
