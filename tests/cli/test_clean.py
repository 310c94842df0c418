"""`policyloop clean`: one loop goes, and all others stay."""

import json
from pathlib import Path

import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.interop.kept import Kept
from policyloop.log.files import SystemFiles
from policyloop.log.folder import quarantined, segments
from policyloop.log.recover import set_aside
from policyloop.log.writer import LogWriter
from policyloop.run.deployment import open_deployment

CSV = "reward,event_id,action,action_prob,observation\n1,e1,1,0.5,[9]\n,e2,2,0.5,[10]\n"
OTHER = """
loop: other
context: {hour: integer}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
"""


@pytest.fixture
def filled(project, publish, tmp_path):
    """A project with two loops that both have decisions, one of which also has a model."""
    (tmp_path / "other.yaml").write_text(OTHER)
    (tmp_path / "log.csv").write_text(CSV)
    assert project("apply").code == 0
    for loop in ("front-page", "other"):
        assert project("import", "joined-csv", loop, "log.csv").code == 0
    project("promote", "front-page", publish(1))
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        for loop in ("front-page", "other"):
            Kept(deployment.records, clock=deployment.clock).put(loop, "notes", "a", {"kept": True})
    return project


def test_all_of_one_loop_goes_and_the_others_stay(filled, tmp_path):
    ran = filled("clean", "front-page", "--yes", "--json")

    assert json.loads(ran.out) == {
        "loop": "front-page",
        "n_decisions": 2,
        "n_outcomes": 1,
        "n_examples": 0,
        "n_models": 1,
        "n_specs": 1,
        "n_in_quarantine": 0,
    }
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        assert list(deployment.registry.standings()) == ["other"]
        assert deployment.lake.loops("decisions") == ["other"]
        assert deployment.lake.loops("outcomes") == ["other"]
        assert list(Kept(deployment.records, clock=deployment.clock).by_loop("notes", "a", dict)) == ["other"]
    assert list((tmp_path / "policyloop-data").glob("models/*")) == []
    assert filled("clean", "front-page", "--yes").err == "error: no loop is named 'front-page'; known: other.\n"


def test_damaged_segments_that_were_put_aside_stay_and_that_is_said(filled, tmp_path):
    log = tmp_path / "policyloop-data" / "log"
    writer = LogWriter(log, clock=SystemClock())
    writer.close()
    set_aside(segments(log)[0].path, files=SystemFiles())

    ran = filled("clean", "front-page", "--yes")

    assert ran.err == (
        f"note: 1 damaged segment of the log in '{log / 'quarantine'}' may still hold events of this loop and of "
        f"others; where they must go too, delete the files by hand.\n"
    )
    assert len(quarantined(log)) == 1


def test_a_loop_can_begin_anew_after_cleaning(filled):
    filled("clean", "front-page", "--yes")

    assert filled("apply", "front-page.yaml").out.startswith("front-page: a new loop (1 field, 2 actions), version 1.")


def test_without_a_yes_nothing_goes(filled, monkeypatch, tmp_path):
    (tmp_path / "answer").write_text("n\n")
    with (tmp_path / "answer").open() as answer:
        monkeypatch.setattr("sys.stdin", answer)
        ran = filled("clean", "front-page")

    assert ran.code == 1
    assert "There is no way back." in ran.err
    assert filled("models", "front-page").code == 0


def test_nothing_goes_while_something_runs(filled, tmp_path):
    writer = LogWriter(tmp_path / "policyloop-data" / "log", clock=SystemClock())
    try:
        ran = filled("clean", "front-page", "--yes")
    finally:
        writer.close()

    assert ran.code == 2
    assert "cannot be cleaned while a server or worker runs on this data folder; expected none." in ran.err
    assert filled("models", "front-page").code == 0
