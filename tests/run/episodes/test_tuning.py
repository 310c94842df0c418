"""Tuning of loops with episodes: runs are made, judged by a model that is none of theirs, and kept with all their curves."""

import json

import numpy as np
import pytest

from gearbox import GEARBOX, driven
from made_history import corridor, ladder
from made_loops import CORRIDOR, LADDER
from policyloop.core.errors import BadSetting, Invalid, NothingToDo
from policyloop.core.spec_file import read_spec
from policyloop.learn import tune_offline
from policyloop.learn.tune_offline import Trial, groups_of, run_group, space_of
from policyloop.run.episodes.following import all_lines
from policyloop.run.episodes.job_folder import JobFolder
from policyloop.run.episodes.tuning import is_past_its_peak, search
from policyloop.run.runners.local import create

TINY = CORRIDOR.replace(
    "{name: fqi, n_trees: 10, updates: 4, checkpoint_every: 1}",
    "{name: td3_bc, width: 16, depth: 1, batch: 32, layer_norm: false, updates: 12, checkpoint_every: 6}",
)  # the sizes of tests/learn/networks, where the same is compiled


def searched(folder, text, history, **changes):
    settings = {"n_attempts": 5, "seed": 3, "job_id": 1, "folder": JobFolder(folder), "runner": create(), **changes}
    return search(history, read_spec(text), **settings)


@pytest.mark.parametrize(("text", "history"), [(CORRIDOR, corridor(40, 5)), (LADDER, ladder(40))], ids=["numbers", "labels"])
def test_the_loops_own_settings_are_tried_first_and_others_after(tmp_path, text, history):
    found = searched(tmp_path, text, history)

    assert [attempt.number for attempt in found.attempts] == [0, 1, 2, 3, 4, 5]
    assert found.attempts[0].settings == read_spec(text).learner.settings
    assert all(attempt.settings["updates"] == 4 for attempt in found.attempts)
    assert all(0.03 <= attempt.settings["learning_rate"] <= 0.4 for attempt in found.attempts[1:])
    best = max(found.attempts, key=lambda one: (not one.choice.is_underfitting, one.fitted.interval()[0]))
    assert found.winner is best


def test_all_curves_are_kept_and_can_be_followed(tmp_path):
    found = searched(tmp_path, CORRIDOR, corridor(40, 5), n_attempts=2)

    lines = all_lines(JobFolder(tmp_path))
    assert [(line["attempt"], line["n_updates"]) for line in lines] == [(i, n) for i in range(3) for n in (1, 2, 3, 4)]
    assert {"critic_loss", "td_error", "q_mean", "q_min", "q_max", "held_out_q_mean"} <= set(lines[0])
    told = json.loads((tmp_path / "tuning.json").read_text())
    assert told == json.loads(json.dumps(found.to_json()))
    assert [trial["trial"] for trial in told["trials"]] == [0, 1, 2]


def test_equal_seeds_find_equal_winners(tmp_path):
    one, two = (searched(tmp_path / name, LADDER, ladder(40), n_attempts=3) for name in ("a", "b"))

    assert [attempt.settings for attempt in one.attempts] == [attempt.settings for attempt in two.attempts]
    assert one.winner.number == two.winner.number


def test_runs_in_other_processes_are_the_same_runs(tmp_path):
    here = searched(tmp_path / "a", LADDER, ladder(40), n_attempts=1)
    there = searched(tmp_path / "b", LADDER, ladder(40), n_attempts=1, n_workers=2)

    assert [attempt.curve for attempt in here.attempts] == [attempt.curve for attempt in there.attempts]


def test_networks_of_one_shape_learn_side_by_side_what_each_would_alone():
    pytest.importorskip("jax")
    spec, history = read_spec(TINY.replace("td3_bc", "rebrac")), corridor(15)
    trials = [Trial(number=i, settings={**spec.learner.settings, "learning_rate": rate}) for i, rate in enumerate((1e-4, 3e-3))]
    (group,) = groups_of(spec, trials, history, history, seed=2)

    together = run_group(group)
    alone = [run_group(one) for one in (groups_of(spec, [trial], history, history, seed=2)[0] for trial in trials)]

    for side_by_side, (by_itself,) in zip(together, alone, strict=True):
        assert [point["n_updates"] for point in side_by_side.curve] == [6, 12]
        for name, value in by_itself.curve[-1].items():
            assert side_by_side.curve[-1][name] == pytest.approx(value, rel=1e-3, abs=1e-4), name


def test_other_shapes_are_other_populations():
    pytest.importorskip("jax")
    spec, history = read_spec(TINY), corridor(10)
    trials = [Trial(number=i, settings={**spec.learner.settings, "width": width}) for i, width in enumerate((8, 16, 8))]

    groups = groups_of(spec, trials, history, history, seed=2)

    assert [[trial.number for trial in group.trials] for group in groups] == [[0, 2], [1]]


def test_a_learner_without_populations_runs_each_by_itself():
    spec, history = read_spec(CORRIDOR), corridor(10)
    trials = [Trial(number=i, settings=spec.learner.settings) for i in range(3)]

    groups = groups_of(spec, trials, history, history, seed=2)

    assert [[trial.number for trial in group.trials] for group in groups] == [[0], [1], [2]]


def test_learning_rate_width_depth_and_the_conservative_weight_are_searched():
    pytest.importorskip("jax")

    assert set(space_of(read_spec(TINY)).searched) == {"learning_rate", "width", "depth", "alpha"}
    assert "conservative_weight" in space_of(read_spec(TINY.replace("td3_bc", "cql"))).searched
    outside = CORRIDOR.replace("{name: fqi, n_trees: 10, updates: 4, checkpoint_every: 1}", "{name: outside, command: x}")
    with pytest.raises(BadSetting, match="of which no setting is searched"):
        space_of(read_spec(outside))


def test_a_run_that_breaks_down_is_an_attempt_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(tune_offline, "_suggested", lambda asked, name, values: -1.0 if name == "learning_rate" else 8)

    found = searched(tmp_path, LADDER, ladder(40), n_attempts=1)

    assert "learner.learning_rate is -1.0" in found.attempts[1].failure
    assert (found.attempts[1].fitted, found.winner.number) == (None, 0)


def test_a_run_is_over_some_checkpoints_after_its_peak():
    rise, fall = list(np.linspace(0, 10, 8)), list(np.linspace(9, 4, 5))
    curve = [{"n_updates": i, "q_mean": q} for i, q in enumerate(rise + fall)]

    assert not is_past_its_peak(curve[:10])
    assert is_past_its_peak(curve)
    spec, history = read_spec(CORRIDOR), corridor(30)
    (group,) = groups_of(spec, [Trial(number=0, settings=spec.learner.settings)], history, history, seed=2)
    (stopped,) = run_group(group, is_over=lambda curve: len(curve) == 2)
    assert (len(stopped.curve), stopped.failure) == (2, None)


def test_a_history_too_thin_is_refused_before_anything_is_tried(tmp_path):
    with pytest.raises(Invalid, match="2 faults in "):
        searched(tmp_path, CORRIDOR, corridor(3, 5))
    with pytest.raises(
        NothingToDo, match=r"cannot support a choice\. There are 9 episodes .* There are 3 episodes that nothing"
    ):
        searched(tmp_path, CORRIDOR, corridor(12), on_attempt=lambda attempt: pytest.fail("an attempt was made"))


def test_runs_over_labels_and_numbers_at_once_are_judged_too(tmp_path):
    pytest.importorskip("jax", reason="needs the extra rl")
    tiny = {"name": "bc", "width": 8, "depth": 1, "batch": 16, "updates": 4, "checkpoint_every": 1}

    found = searched(tmp_path, {**GEARBOX, "learner": tiny}, driven(60, seed=1), n_attempts=1)

    assert all(np.isfinite(attempt.fitted.value) for attempt in found.attempts)
