"""`policyloop import history`: shown first, imported once, or a loop file where there is no loop."""

import json

import pytest

from policyloop.core.spec_file import read_spec_file

ROWS = "batch,step,level,valve\n" + "".join(f"b{b},{k},{40 + k + b},{k}\n" for b in range(12) for k in range(15))
MAKE = ("import", "history", "tank.csv", "--loop", "tank", "--episodes", "batch")
LOOP = """
loop: tank
context: {level: {type: number, min: 0, max: 100}}
actions: {kind: continuous, box: {valve: {min: 0, max: 20}}}
episodes: {id: batch}
reward: {expression: next.level, range: [0, 100]}
learner: {name: fqi}
explore: {name: gaussian}
"""


@pytest.fixture
def table(tmp_path):
    """A history in the folder of the project."""
    (tmp_path / "tank.csv").write_text(ROWS)


@pytest.fixture
def tank(policyloop, table, tmp_path):
    """A project whose loop tank is applied."""
    (tmp_path / "tank.yaml").write_text(LOOP)
    assert policyloop("apply").code == 0
    return policyloop


def test_a_dry_run_shows_and_writes_nothing_but_the_picture(tank, tmp_path):
    ran = tank(*MAKE, "--dry-run")

    assert ran.code == 0
    assert ran.out.startswith("180 rows made 12 episodes (0 terminated, 12 truncated), 168 steps.\n")
    assert ran.out.endswith("picture: tank-history.png\nNothing was imported (--dry-run).\n")
    assert (tmp_path / "tank-history.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads(tank("join", "tank", "--json").out)["decisions"] == 0


def test_a_history_comes_in_once_and_becomes_transitions(tank):
    first, again = tank(*MAKE, "--plot", "none"), tank(*MAKE, "--plot", "none", "--json")

    assert first.out.endswith("imported 168 decisions. Next: `policyloop join tank`, then `policyloop train tank`.\n")
    assert json.loads(again.out)["written"] is False
    assert json.loads(tank("join", "tank", "--json").out)["transitions"] == 168


def test_without_a_loop_a_loop_file_is_made_of_the_table(policyloop, table, tmp_path):
    ran = policyloop(*MAKE, "--actions", "valve", "--reward", "next.level", "--plot", "none")

    assert ran.code == 0
    assert "\nwrote tank.yaml: a loop made of this file. Look at it before anything else.\n" in ran.out
    assert ran.out.endswith("Next: edit tank.yaml, then `policyloop apply`, then this command again.\n")
    assert policyloop("apply").code == 0
    assert "imported 168 decisions." in policyloop(*MAKE, "--plot", "none").out
    spec = read_spec_file(tmp_path / "tank.yaml")
    assert (spec.episodes.max_steps, spec.learner.name) == (15, "rebrac")


def test_a_dry_run_and_a_refusal_write_no_loop_file(policyloop, table, tmp_path):
    new = ("--actions", "valve", "--reward", "next.level")

    dry = policyloop(*MAKE, *new, "--dry-run")
    (tmp_path / "bad.csv").write_text(ROWS.replace("b3,4,47,4", "b3,9,47,4"))
    bad = policyloop("import", "history", "bad.csv", "--loop", "tank", "--episodes", "batch", *new)

    assert dry.out.startswith("180 rows made 12 episodes")
    assert dry.out.endswith(
        "Nothing was imported, and no loop file written (--dry-run). Next: without it, tank.yaml is made of this file.\n"
    )
    assert bad.code == 2
    assert not (tmp_path / "tank.yaml").exists()
    assert (tmp_path / "tank-history.png").exists()


def test_what_was_said_for_a_new_loop_and_counts_for_nothing_is_told(tank):
    same = tank(*MAKE, "--plot", "none", "--actions", "valve", "--reward", "next.level", "--dry-run")
    other = tank(*MAKE, "--plot", "none", "--actions", "level", "--reward", "-next.level", "--dry-run")

    assert "counted for nothing" not in same.err
    assert (
        "note: --actions and --reward counted for nothing: loop 'tank' is there, and its loop file says something else. Edit "
        "that file, and `policyloop apply` it.\n"
    ) in other.err


def test_a_column_to_ignore_that_the_loop_needs_is_told(tank):
    ran = tank(*MAKE, "--plot", "none", "--ignore", "level")

    assert ran.err == (
        "error: --ignore: names 'level', which the loop knows; expected a loop file without it, or not to be asked.\n"
    )


def test_a_fault_is_the_users_and_nothing_is_written(tank, tmp_path):
    (tmp_path / "tank.csv").write_text(ROWS.replace("b3,4,47,4", "b3,4,47,99"))

    bad, good = tank(*MAKE, "--plot", "none"), tank(*MAKE, "--plot", "none", "--repair", "clip-actions")

    assert bad.code == 2
    assert bad.err == (
        "error: valve: is 99 and the like in 1 of 180 rows (row 50); expected 0 to 20. Mend the file, or ask for "
        "`--repair clip-actions`.\n"
    )
    assert "repaired: clip-actions, 1 times\n" in good.out


def test_repairs_are_asked_for_one_by_one_or_with_commas(tank, tmp_path):
    (tmp_path / "tank.csv").write_text(ROWS.replace("b3,4,47,4", "b3,4,47,99").replace("b5,4,", "b5,4,x"))
    one_by_one = ("--repair", "clip-actions", "--repair", "drop-text", "--repair", "drop-nan")

    bad = tank(*MAKE, "--plot", "none", "--repair", "clip-actions")
    single, listed = (
        tank(*MAKE, "--plot", "none", *one_by_one),
        tank(*MAKE, "--plot", "none", "--repair", "clip-actions,drop-text,drop-nan"),
    )

    assert bad.code == 2
    assert bad.err.endswith("\nEvery repair together: `--repair clip-actions,drop-nan,drop-text`.\n")
    assert single.code == listed.code == 0
    assert "repaired: clip-actions, 1 times\n" in single.out
    assert "repaired: drop-text, 1 times\n" in single.out


def test_formats_are_reached_as_before(policyloop):
    ran = policyloop("import", "--help")

    assert "history" in ran.out
    assert "FORMAT" in ran.out
