"""A refresh of a loop with episodes: looked at, trained, chosen, published, and gone on with after a kill."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from episode_world import World
from made_history import corridor, ladder
from made_loops import CORRIDOR, LADDER
from policyloop.core.clock import US_PER_S, SystemClock
from policyloop.core.errors import Invalid, NothingToDo
from policyloop.core.spec_file import read_spec
from policyloop.log.writer import LogWriter
from policyloop.run import jobs
from policyloop.run.episodes import training_records
from policyloop.run.episodes.following import follow, progress_of
from policyloop.run.episodes.job_folder import folder_of, folder_to_go_on_in
from policyloop.run.episodes.offline import packed, refresh_offline, train_and_choose
from policyloop.run.episodes.transitions import transitions_of
from policyloop.run.refresh import refresh
from shop import swap_onto

# Networks of the sizes of tests/learn/networks/test_learner.py, on as many rows: what is compiled there serves here.
SMALL = "width: 16, depth: 1, batch: 32, layer_norm: false"


def begin(deployment, text):
    """The loop applied, and a job of it that runs."""
    spec = read_spec(text)
    deployment.registry.apply(spec)
    return spec, jobs.begin(deployment.records, spec.loop, reason="asked for", n_examples=0, now_us=deployment.clock.now_us())


def refreshed(deployment, text, history):
    spec, job = begin(deployment, text)
    standing = deployment.registry.standing(spec.loop)
    return refresh_offline(deployment, standing, history, snapshot={"transitions": 3}, job_id=job.id), job


@pytest.mark.parametrize(("text", "history"), [(CORRIDOR, corridor(40)), (LADDER, ladder(40))], ids=["numbers", "labels"])
def test_a_model_is_chosen_offline_published_and_does_not_go_live(deployment, text, history):
    made, _ = refreshed(deployment, text, history)

    standing = deployment.registry.standing(read_spec(text).loop)
    (row,) = deployment.registry.models(standing.spec.loop)
    manifest = deployment.registry.load(row.loop, made.model).manifest
    assert (row.model, row.state, standing.champion) == (made.model, "offline-chosen", None)
    assert made.sentence.startswith(f"model {made.model[:12]} from {30 * len(history) // 40} transitions: OFFLINE-CHOSEN. ")
    assert manifest.features["kind"] == "state"
    assert manifest.progress["n_updates"] in (1, 2, 3, 4)
    assert manifest.snapshot == {"transitions": 3}


def test_the_range_of_the_states_and_all_curves_are_kept_with_the_model(deployment):
    history = corridor(40)

    made, _ = refreshed(deployment, CORRIDOR, history)

    stored = deployment.registry.load("corridor", made.model)
    low = safetensors.numpy.load(stored.tensors)["support.low"]
    assert low.shape == (1,)
    assert low[0] <= history.state.min()
    record = training_records.record_of(deployment.home, made.model)
    assert [point["n_updates"] for point in record.curve] == [1, 2, 3, 4]
    assert record.choice["n_updates"] == stored.manifest.progress["n_updates"]
    assert training_records.record_of(deployment.home, "0" * 32) is None


def test_the_job_keeps_its_lines_and_lets_go_of_the_weights(deployment):
    made, job = refreshed(deployment, CORRIDOR, corridor(40))

    folder = folder_of(deployment.home, job.id)
    assert list(folder.path.glob("*.safetensors")) == []
    assert folder.told()["model"] == made.model
    assert progress_of(deployment, jobs.get(deployment.records, job.id)) == (4, 4)
    jobs.finish(deployment.records, job.id, state="done", message="", now_us=1)
    assert [line["n_updates"] for line in follow(deployment, job.id, sleep=pytest.fail)] == [1, 2, 3, 4]


def test_the_device_is_told_while_it_learns_and_kept_with_the_model(deployment):
    jax = pytest.importorskip("jax", reason="needs the extra rl")
    quick = f"learner: {{name: rebrac, updates: 4, checkpoint_every: 1, {SMALL}}}"
    text = "\n".join(quick if line.startswith("learner:") else line for line in CORRIDOR.splitlines())
    known = []

    spec, job = begin(deployment, text)
    made = refresh_offline(
        deployment,
        deployment.registry.standing(spec.loop),
        corridor(40, 10),
        snapshot={},
        job_id=job.id,
        on_checkpoint=lambda checkpoint, state: known.append(folder_of(deployment.home, job.id).told()["device"]),
    )

    kept = training_records.record_of(deployment.home, made.model).device
    assert known == [kept] * 4
    assert kept.startswith(jax.devices()[0].device_kind)


def test_of_a_learner_without_a_device_none_is_told(deployment):
    made, job = refreshed(deployment, CORRIDOR, corridor(40))

    assert "device" not in folder_of(deployment.home, job.id).told()
    assert training_records.record_of(deployment.home, made.model).device is None


def test_following_goes_on_until_the_job_ends(deployment):
    _, job = begin(deployment, CORRIDOR)
    folder = folder_of(deployment.home, job.id)
    folder.tell({"updates": 3})
    lines = folder.path / "metrics.jsonl"
    waits = []

    def work():
        """One more line each time that it is waited for; with the third the job ends."""
        waits.append(1)
        with lines.open("a") as file:
            file.write(json.dumps({"n_updates": len(waits)}) + "\n")
        if len(waits) == 3:
            jobs.finish(deployment.records, job.id, state="done", message="", now_us=1)

    told = list(follow(deployment, job.id, sleep=work))

    assert [line["n_updates"] for line in told] == [1, 2, 3]
    with pytest.raises(NothingToDo, match="there is no job 99"):
        list(follow(deployment, 99, sleep=work))


def test_a_killed_job_goes_on_where_it_was_with_equal_bytes(deployment, tmp_path):
    history, spec = corridor(40), read_spec(CORRIDOR)
    whole = train_and_choose(history, spec, seed=7)

    class Killed(Exception):
        pass

    def kill(checkpoint, state):
        if checkpoint.n_updates == 2:
            raise Killed

    _, job = begin(deployment, CORRIDOR)
    folder = folder_of(deployment.home, job.id)
    with pytest.raises(Killed):
        train_and_choose(history, spec, seed=7, folder=folder, on_checkpoint=kill)
    learned_anew = []
    again = train_and_choose(
        history, spec, seed=7, folder=folder, on_checkpoint=lambda checkpoint, state: learned_anew.append(checkpoint.n_updates)
    )

    assert learned_anew == [3, 4]
    same = [packed(t, spec, history, parent=None, snapshot={}, trained_until=0, seed=7) for t in (whole, again)]
    assert same[0] == same[1]


def test_a_further_attempt_takes_over_the_folder_of_the_one_that_failed(deployment):
    _, job = begin(deployment, CORRIDOR)
    folder_of(deployment.home, job.id).tell({"updates": 4})
    jobs.finish(deployment.records, job.id, state="failed", message="was killed by signal 9", now_us=1)
    further = jobs.retry(deployment.records, job, not_before_us=0)

    folder = folder_to_go_on_in(deployment.home, deployment.records, further.id)

    assert folder.told() == {"updates": 4}
    assert not folder_of(deployment.home, job.id).path.exists()


def test_a_job_whose_process_died_is_taken_up_with_its_number(deployment):
    _, job = begin(deployment, CORRIDOR)

    again = jobs.begin(deployment.records, "corridor", reason="asked for", n_examples=0, now_us=5)

    assert (again.id, again.state) == (job.id, "running")
    searching = jobs.begin(deployment.records, "corridor", reason="x", n_examples=0, now_us=5, kind=jobs.TUNE)
    assert searching.id != job.id
    assert jobs.take_back_abandoned(deployment.records) == 1  # the search is somebody's own


def test_a_history_too_thin_says_so_before_anything_is_trained(deployment):
    with pytest.raises(Invalid, match="2 faults in the history of loop 'corridor'") as refused:
        refreshed(deployment, CORRIDOR, corridor(3, 5))

    assert "episodes: are 3 below the split; expected at least 20. Bring more." in refused.value.message
    assert deployment.registry.models("corridor") == []


def test_a_history_that_cannot_support_a_choice_publishes_nothing(deployment):
    spec, job = begin(deployment, CORRIDOR)
    learned = []

    with pytest.raises(
        NothingToDo, match=r"nothing was learned, for the history cannot support a choice\. There are 9 episodes to"
    ):
        refresh_offline(
            deployment,
            deployment.registry.standing(spec.loop),
            corridor(12),
            snapshot={},
            job_id=job.id,
            on_checkpoint=lambda checkpoint, state: learned.append(checkpoint),
        )

    assert learned == []
    assert deployment.registry.models("corridor") == []


@pytest.mark.parametrize(
    ("n", "split", "why"), [(25, 0.75, "There are 19 episodes to learn from"), (40, 0.9, "There are 4 episodes that nothing")]
)
def test_one_episode_too_few_on_either_side_is_refused_before_training(deployment, n, split, why):
    text = CORRIDOR.replace("split: 0.75", f"split: {split}")

    with pytest.raises(NothingToDo, match=why):
        refreshed(deployment, text, corridor(n))
    assert refreshed(deployment, text, corridor(n + 10))[0].model is not None


def test_missing_propensities_are_no_hindrance(deployment):
    history = corridor(40)
    history.propensity[:] = np.nan
    history.propensity_kind[:] = "unknown"

    made, _ = refreshed(deployment, CORRIDOR, history)

    assert "600 of 600 steps have no propensity" in made.sentence


LINE = LADDER.replace("{name: fqi, n_trees: 10", f"{{name: dqn, goes_on: true, {SMALL}")


def promoted(deployment, text, history):
    """A model of the loop, live by a person's word."""
    made, _ = refreshed(deployment, text, history)
    deployment.registry.promote_by_person("ladder", made.model, why="a test", is_unseen_fine=True)
    return made.model


def progress_told(deployment, model):
    return deployment.registry.load("ladder", model).manifest.progress


def test_a_model_of_a_line_goes_on_from_the_one_that_decides(deployment):
    pytest.importorskip("jax", reason="needs the extra rl")
    first = promoted(deployment, LINE, ladder(20))

    second, _ = refreshed(deployment, LINE, ladder(20, seed=1))

    assert "goes_on_from" not in progress_told(deployment, first)
    assert progress_told(deployment, second.model)["goes_on_from"] == first
    assert deployment.registry.load("ladder", second.model).manifest.parent == first
    assert (progress_told(deployment, second.model)["chosen_by"], progress_told(deployment, first)["chosen_by"]) == (
        "last",
        "last",
    )
    assert "What a version of a line is worth shows when it plays" in second.sentence


def test_without_goes_on_every_model_begins_anew(deployment):
    text = LADDER.replace("{name: fqi", "{name: fqi, goes_on: false")
    promoted(deployment, text, ladder(40))

    made, _ = refreshed(deployment, text, ladder(40, seed=1))

    assert "goes_on_from" not in progress_told(deployment, made.model)


def test_a_line_learns_from_few_episodes_since_its_versions_are_tried_by_playing(deployment):
    pytest.importorskip("jax", reason="needs the extra rl")
    made, _ = refreshed(deployment, LINE, ladder(20))

    assert "There are 15 episodes to learn from, and 20 are the fewest" in made.sentence
    assert progress_told(deployment, made.model)["chosen_by"] == "last"


class AYearAgo(SystemClock):
    """What a plant wrote down last year."""

    def now_us(self):
        return super().now_us() - 365 * 86_400 * US_PER_S


@pytest.mark.parametrize("window", ["none", "90d"])
def test_what_is_old_is_learned_from_unless_a_window_leaves_it_out_and_that_is_told(deployment, window):
    changes = [("split: 0.75", f"split: 0.5, window: {window}")]
    world = World(replace(deployment, clock=AYearAgo()), "ladder", changes=changes)
    world.play(30)
    n_old = len(transitions_of(deployment, read_spec(LADDER))[0].to_learn_from(0.5))
    world.deployment = deployment
    world.log.close()
    world.log = LogWriter(deployment.home.log, clock=deployment.clock)
    world.swap = swap_onto(world.log, deployment)
    world.play(60)
    world.log.close()
    n_all = len(transitions_of(deployment, read_spec(LADDER))[0].to_learn_from(0.5))

    made = refresh(deployment, "ladder")

    told = [line for line in made.lines if "older than `train.window`" in line]
    assert (made.n_examples, len(told)) == ((n_all, 0) if window == "none" else (n_all - n_old, 1))
    assert [note for note in training_records.record_of(deployment.home, made.model).notes if note in told] == told
    assert all(line.startswith("240 transitions are older than ") for line in told)


def test_nothing_is_too_old_for_a_loop_with_episodes_that_does_not_say_so():
    assert read_spec(CORRIDOR).train.window_s is None
