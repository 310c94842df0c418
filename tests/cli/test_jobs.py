"""`policyloop jobs`: what is and was trained, and a run followed while it goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from made_loops import CORRIDOR
from policyloop.core.settings import Home
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.job_folder import folder_of

LINE = {"n_updates": 1, "q_mean": 2.0, "td_error": 0.25, "seconds": 0.5}
TOLD = {"loop": "corridor", "learner": "fqi", "updates": 4, "n_transitions": 600, "n_episodes": 30, "n_held_out": 10}


@pytest.fixture
def running(policyloop, tmp_path):
    """A job that runs in the project of `policyloop`, with one line so far."""
    (tmp_path / "corridor.yaml").write_text(CORRIDOR)
    assert policyloop("apply").code == 0
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        job = jobs.begin(deployment.records, "corridor", reason="asked for", n_examples=40, now_us=deployment.clock.now_us())
        folder = folder_of(deployment.home, job.id)
        folder.tell({**TOLD, "notes": ["valve never changes in 600 steps: nothing is learned about it."]})
        (folder.path / "metrics.jsonl").write_text(json.dumps(LINE) + "\n")
    return job


def finish(job, message="OFFLINE-CHOSEN."):
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        jobs.finish(deployment.records, job.id, state="done", message=message, now_us=deployment.clock.now_us())


def test_without_jobs_it_says_how_one_comes_about(project):
    assert project("jobs", "list").out == "there is no job yet; `policyloop train LOOP` makes one.\n"


def test_a_running_job_is_listed_with_how_far_it_is(policyloop, running):
    head, row = policyloop("jobs", "list").out.splitlines()

    assert head.split() == ["job", "loop", "kind", "state", "queued", "what"]
    assert row.split()[:5] == [str(running.id), "corridor", "train", "running", "25"]


def test_a_script_gets_the_numbers(policyloop, running):
    (row,) = json.loads(policyloop("jobs", "list", "--loop", "corridor", "--json").out)

    assert (row["id"], row["state"], row["updates_done"], row["updates"]) == (running.id, "running", 1, 4)
    assert row["ended_at"] is None


def test_a_job_that_ended_is_told_to_its_end(policyloop, running):
    finish(running)

    told = policyloop("jobs", "follow", running.id).out.splitlines()

    assert told[0] == "loop 'corridor', learner fqi: 4 updates on 600 transitions of 30 episodes, 10 more held out"
    assert told[1].startswith("valve never changes")
    assert told[2].split() == ["1", "updates", "0.5", "s", "q_mean", "2", "td_error", "0.25"]
    assert told[3] == "done: OFFLINE-CHOSEN."


def test_the_device_that_a_run_learns_on_is_told(policyloop, running):
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        folder_of(deployment.home, running.id).tell({"device": "NVIDIA H200 (gpu)"})
    (row,) = json.loads(policyloop("jobs", "list", "--json").out)
    finish(running)

    told = policyloop("jobs", "follow", running.id).out.splitlines()

    assert row["device"] == "NVIDIA H200 (gpu)"
    assert told[3:] == ["it learned on the device NVIDIA H200 (gpu)", "done: OFFLINE-CHOSEN."]


def test_a_script_gets_each_line_as_the_run_wrote_it(policyloop, running):
    finish(running)

    assert [json.loads(line) for line in policyloop("jobs", "follow", running.id, "--json").out.splitlines()] == [LINE]


def test_following_shows_lines_as_they_come_and_ends_with_the_job(policyloop, running, tmp_path):
    command = [sys.executable, "-m", "policyloop", "jobs", "follow", str(running.id), "--json"]
    following = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)

    first = json.loads(following.stdout.readline())
    with (tmp_path / "policyloop-data" / "jobs" / str(running.id) / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps({**LINE, "n_updates": 2}) + "\n")
    second = json.loads(following.stdout.readline())
    finish(running)
    rest = following.stdout.read()
    code = following.wait()
    following.stdout.close()

    assert (first["n_updates"], second["n_updates"], rest, code) == (1, 2, "", 0)


def test_an_unknown_job_is_refused(project):
    ran = project("jobs", "follow", 99)

    assert ran.code == 2
    assert "there is no job 99; `policyloop jobs list` shows them." in ran.err
