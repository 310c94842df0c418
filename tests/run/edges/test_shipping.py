"""Shipping: what a decider at the edge kept comes home once, whatever was killed and however often it is shipped."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_models import some_model_files
from policyloop.core.errors import BadSetting, NothingToDo, OtherVersion
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.lake import views
from policyloop.log.folder import segments
from policyloop.run.by_hand import join_by_hand, ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.edge import Decider
from policyloop.run.edges import shipping
from policyloop.run.edges.folder import MARK, open_folder
from policyloop.run.edges.newest import KEPT
from running_app import CONTEXT, LOOP, apply_loop

TESTS = Path(__file__).parents[2]
N_KILLS = 5
ACKED_BETWEEN_KILLS = 20


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A deployment whose loop has a model, and the model's file."""
    folder = tmp_path_factory.mktemp("home")
    (file,) = some_model_files(folder, 1)
    (folder / "front-page.model").write_bytes(file)
    return folder


@pytest.fixture
def deployment(home):
    with open_deployment(Home(home / "data")) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path):
    """A deployment with the loop and nothing else, and a decider's folder."""
    apply_loop(tmp_path / "empty")
    with open_deployment(Home(tmp_path / "empty" / "data")) as opened:
        yield opened


def decide(home, folder, n, *, first=0, seal_each=False):
    """n decisions with an outcome each, in a log at `folder`; their ids."""
    ids = []
    with Decider.from_path(home / "front-page.model", log=folder) as decider:
        for i in range(first, first + n):
            answer = decider.decide(CONTEXT, decision_id=f"d{i}")
            decider.outcome(answer, clicked=True, outcome_id=f"o{i}")
            ids.append(answer.decision_id)
            if seal_each:
                decider.flush()
    return ids


def counted(deployment):
    """How often each decision and each outcome is in the views."""
    with ship_by_hand(deployment) as is_ours:
        assert is_ours
    decisions = Counter(views.decisions(deployment.lake, "front-page")["decision_id"].to_pylist())
    outcomes = Counter(views.outcomes(deployment.lake, "front-page")["outcome_id"].to_pylist())
    return decisions, outcomes


def killed_program(how, home, folder):
    """Run the program until it has told so many ids, kill it, and give what it told."""
    command = [sys.executable, TESTS / "edge_program.py", how, home / "front-page.model", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)})
    told = [line.strip() for line in itertools.islice(process.stdout, ACKED_BETWEEN_KILLS)]
    process.kill()
    rest, _ = process.communicate()
    return told + [line for line in rest.split("\n")[:-1] if line]


def test_what_was_told_before_each_kill_comes_home_once(home, empty, tmp_path):
    told = [line for _ in range(N_KILLS) for line in killed_program("log", home, tmp_path / "log")]

    taken = shipping.ship(empty, tmp_path / "log")
    again = shipping.ship(empty, tmp_path / "log")

    decisions, outcomes = counted(empty)
    assert len(told) >= N_KILLS * ACKED_BETWEEN_KILLS
    assert set(told) <= decisions.keys() | outcomes.keys()
    assert set((decisions + outcomes).values()) == {1}
    assert (taken.n_decisions, taken.n_outcomes, taken.left) == (len(decisions), len(outcomes), ())
    assert (again.n_segments, again.n_repeated) == (0, 0)


def test_what_was_told_before_each_kill_waits_in_the_spool(home, tmp_path):
    (tmp_path / "spool").mkdir()
    shutil.copy(home / "front-page.model", tmp_path / "spool" / KEPT)

    told = [line for _ in range(N_KILLS) for line in killed_program("spool", home, tmp_path / "spool")]

    kept = Counter()
    for file in sorted([*(tmp_path / "spool").glob("*.jsonl"), *(tmp_path / "spool").glob("*.sending")]):
        for line in file.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            kept[row.get("outcome_id") or row["decision_id"]] += 1
    assert set(told) <= kept.keys()
    assert set(kept.values()) == {1}


def test_shipped_decisions_become_examples_with_true_propensities(home, deployment, tmp_path):
    ids = decide(home, tmp_path / "log", 5)

    shipping.ship(deployment, tmp_path / "log")
    spec = deployment.registry.standing("front-page").spec
    assert join_by_hand(deployment, spec)

    rows = views.decisions(deployment.lake, "front-page").to_pylist()
    mine = {row["decision_id"]: row for row in rows if row["decision_id"] in ids}
    assert mine.keys() == set(ids)
    assert all(row["propensity_kind"] == "probability" and not row["is_fallback"] for row in mine.values())
    assert {row["policy"] for row in mine.values()} == {deployment.registry.standing("front-page").champion}


def test_a_living_decider_goes_on_while_what_it_sealed_is_shipped(home, empty, tmp_path):
    with Decider.from_path(home / "front-page.model", log=tmp_path / "log") as decider:
        decider.decide(CONTEXT, decision_id="sealed")
        decider.flush()
        decider.decide(CONTEXT, decision_id="open")
        first = shipping.ship(empty, tmp_path / "log")
        decider.decide(CONTEXT, decision_id="later")
    second = shipping.ship(empty, tmp_path / "log")

    decisions, _ = counted(empty)
    assert (first.n_decisions, second.n_decisions) == (1, 2)
    assert decisions == {"sealed": 1, "open": 1, "later": 1}


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=10, deadline=None)
def test_copies_of_the_folder_in_any_order_and_number_bring_everything_in_once(tmp_path_factory, home, steps):
    """Copies are made at three moments of the folder's life; each step ships one, and may bring the tables up to date."""
    here = tmp_path_factory.mktemp("copies")
    apply_loop(here / "empty")
    n = 0
    copies = []
    with Decider.from_path(home / "front-page.model", log=here / "log") as decider:
        for _ in range(3):
            decider.decide(CONTEXT, decision_id=f"d{n}")
            decider.flush()
            n += 1
            copies.append(shutil.copytree(here / "log", here / f"copy{n}", ignore=shutil.ignore_patterns("*.open", "*.lock")))

    with open_deployment(Home(here / "empty" / "data")) as deployment:
        for number, (which, is_shipped_on) in enumerate([*steps, (2, True)]):
            shipping.ship(deployment, Path(shutil.copytree(copies[which], here / f"step{number}")))
            if is_shipped_on:
                counted(deployment)
        decisions, _ = counted(deployment)

    assert decisions == {"d0": 1, "d1": 1, "d2": 1}


def test_a_crash_between_copying_and_removing_brings_nothing_in_twice(home, empty, tmp_path, monkeypatch):
    decide(home, tmp_path / "log", 3)
    kept = shutil.copytree(tmp_path / "log", tmp_path / "kept")
    shipping.ship(empty, tmp_path / "log")
    counted(empty)
    for file in segments(kept):  # as if the process had died before it removed them, and before it wrote them down
        shutil.copy(file.path, empty.home.log)

    again = shipping.ship(empty, Path(kept))

    decisions, _ = counted(empty)
    assert (again.n_segments, again.n_repeated) == (0, 1)
    assert set(decisions.values()) == {1}


def test_a_gap_is_waited_for(home, empty, tmp_path):
    decide(home, tmp_path / "log", 3, seal_each=True)
    first, second, third = [file.path for file in segments(tmp_path / "log")]
    aside = first.rename(tmp_path / first.name)

    told = shipping.ship(empty, tmp_path / "log")
    aside.rename(first)
    whole = shipping.ship(empty, tmp_path / "log")

    assert told.n_segments == 0
    assert told.left == (
        f"{second.name}: segment 1 of its writer has not come; expected it first. Ship the folder that has it. "
        f"1 later segments of this writer stay with it.",
    )
    assert (whole.n_decisions, whole.left) == (3, ())
    assert not third.exists()


def test_a_loop_or_spec_that_the_deployment_does_not_know_stays_where_it_is(home, tmp_path):
    decide(home, tmp_path / "log", 1)
    with open_deployment(Home(tmp_path / "other")) as other:
        no_loop = shipping.ship(other, tmp_path / "log")
        other.registry.apply(read_spec(LOOP | {"baseline": "bold"}))
        no_spec = shipping.ship(other, tmp_path / "log")

    assert "decisions of loop 'front-page', which is not here; apply the loop first" in no_loop.left[0]
    assert "under spec" in no_spec.left[0]
    assert len(segments(tmp_path / "log")) == 1


def test_a_log_of_another_version_is_refused_and_nothing_of_it_changes(home, empty, tmp_path):
    decide(home, tmp_path / "log", 1)
    mark = json.loads((tmp_path / "log" / MARK).read_text()) | {"format": 3}
    (tmp_path / "log" / MARK).write_text(json.dumps(mark))
    before = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}

    with pytest.raises(OtherVersion, match="was written in format 3"):
        shipping.ship(empty, tmp_path / "log")

    assert {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()} == before


def test_a_segment_of_another_format_stays_and_other_writers_come_in(home, empty, tmp_path):
    decide(home, tmp_path / "log", 1)
    (file,) = segments(tmp_path / "log")
    damaged = bytearray(file.path.read_bytes())
    damaged[20] ^= 1
    file.path.write_bytes(damaged)
    decide(home, tmp_path / "log", 2, first=1)

    taken = shipping.ship(empty, tmp_path / "log")

    assert (taken.n_decisions, len(taken.left)) == (2, 1)
    assert file.path.read_bytes() == damaged


def test_what_is_no_log_of_a_decider_is_refused(empty, tmp_path):
    (tmp_path / "nothing").mkdir()

    for folder in (tmp_path / "nothing", tmp_path / "not there"):
        with pytest.raises(BadSetting, match="holds no log of a decider"):
            shipping.ship(empty, folder)


def test_a_spool_is_not_shipped_and_nothing_is_left_in_it(empty, tmp_path):
    open_folder(tmp_path / "spool", holds="spool")
    before = sorted(path.name for path in (tmp_path / "spool").iterdir())

    with pytest.raises(BadSetting, match="is a spool, which its decider delivers by itself"):
        shipping.ship(empty, tmp_path / "spool")

    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == before


def test_two_do_not_ship_from_one_folder_at_once(home, empty, tmp_path):
    decide(home, tmp_path / "log", 1)

    with shipping._alone(tmp_path / "log"), pytest.raises(NothingToDo, match="is being shipped by another process"):
        shipping.ship(empty, tmp_path / "log")
