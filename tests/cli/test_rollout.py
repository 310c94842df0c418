"""`policyloop rollout`: an environment is played in a folder of one's own, and what came of it is told."""

import json

import pyarrow.parquet as pq
import pytest


def test_a_first_rollout_makes_the_loop_and_its_file(policyloop, tmp_path):
    ran = policyloop("rollout", "gridworld", "--policy", "expert", "--episodes", "5", "--seed", "1")

    assert ran.code == 0
    assert "Made loop 'gridworld', and wrote gridworld.yaml." in ran.err
    assert (tmp_path / "gridworld.yaml").exists()
    assert "events are in the log; `policyloop join gridworld`" in ran.out
    assert policyloop("apply", "--dry-run", "--json").code == 0  # the file is the loop


def test_json_tells_the_means_by_who_acted(policyloop):
    ran = policyloop(
        "rollout", "cartpole", "--policy", "history", "--episodes", "3", "--seed", "2", "--set", "max_steps=40", "--json"
    )

    told = json.loads(ran.out)
    assert set(told["by_source"]) == {"random", "expert"}
    assert told["n_steps"] == sum(one["n_steps"] for one in told["by_source"].values())
    assert {"mean_return", "mean_steps", "share_full_length", "seed", "run"} <= set(told)


def test_a_loop_file_of_ones_own_is_taken_as_it_is(policyloop, tmp_path):
    policyloop("rollout", "gridworld", "--episodes", "1", "--home", str(tmp_path / "first"))
    file = tmp_path / "gridworld.yaml"
    file.write_text(file.read_text().replace("baseline: uniform", "baseline: down"))

    flat = ("--set", "slip=0", "--set", "pits=[]", "--seed", "1")
    ran = policyloop(
        "rollout", "gridworld", "--policy", "baseline", "--random-fraction", "0", "--episodes", "2", *flat, "--json"
    )

    assert json.loads(ran.out)["mean_steps"] == 100  # it goes down, and stays there
    assert "baseline: down" in file.read_text()


def test_a_table_is_written_instead_of_a_log(policyloop, tmp_path):
    ran = policyloop(
        "rollout", "cartpole", "--policy", "history", "--episodes", "5", "--seed", "2", "--table", "h.parquet", "--json"
    )

    told, table = json.loads(ran.out), pq.read_table(tmp_path / "h.parquet")
    assert table.num_rows == told["n_steps"] + 5
    assert told["by_source"]["random"]["n_steps"] == table["action_source"].to_pylist().count("random")
    assert table["episode_id"][0].as_py() == f"{told['run']}-0"
    assert not (tmp_path / "policyloop-data").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["cartpol"], "did you mean 'cartpole'"),
        (["gridworld", "--policy", "expret"], "did you mean 'expert'"),
        (["gridworld", "--set", "slip"], "expected NAME=VALUE"),
        (["gridworld", "--set", "slip=2"], "slip is 2; expected a probability"),
        (["gridworld", "--set", "slyp=0.1"], "did you mean 'slip'"),
        (["gridworld", "--episodes", "0"], "--episodes is 0"),
        (["gridworld", "--runner", "locl"], "no runner is named 'locl'"),
        (["gridworld", "--policy", "champion", "--table", "h.parquet"], "no policy of this environment is named 'champion'"),
        (["gridworld", "--policy", "expert", "--table", "no/h.parquet"], "--table is no/h.parquet, which cannot be written"),
    ],
)
def test_what_is_wrong_is_told_with_the_way_out(policyloop, args, told):
    ran = policyloop("rollout", *args)

    assert ran.code == 2
    assert told in ran.err
