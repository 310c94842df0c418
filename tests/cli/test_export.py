"""`policyloop export`: a loop's examples in a file of another system."""

import json
from pathlib import Path

import pytest

from policyloop.core.clock import US_PER_S
from policyloop.core.settings import Home
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment

LINES = "reward,event_id,action,action_prob,observation\n1,e1,1,0.5,[9]\n,e2,2,0.5,[10]\n0,e3,2,,[11]\n"


@pytest.fixture
def logged(project, tmp_path):
    """A project with three examples, of which one has no probabilities."""
    (tmp_path / "log.csv").write_text(LINES)
    assert project("import", "joined-csv", "front-page", "log.csv").code == 0
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        with ship_by_hand(deployment):
            pass
        spec = deployment.registry.standing("front-page").spec
        join_loop(deployment.lake, deployment.records, spec, watermark=deployment.clock.now_us() + 3600 * US_PER_S)
    return project


def test_examples_are_written_and_what_cannot_be_is_counted(logged, tmp_path):
    ran = logged("export", "vw-dsjson", "front-page", "log.dsjson")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "wrote 2 examples of front-page.\nnote: 1 example without known probabilities left out.\n"
    lines = [json.loads(line) for line in (tmp_path / "log.dsjson").read_text().splitlines()]
    assert {line["EventId"]: line["_label_cost"] for line in lines} == {"e1": -1.0, "e2": 0.0}


def test_a_script_gets_the_counts(logged):
    ran = logged("export", "vw-dsjson", "Homepage", "log.dsjson", "--json", "--since", "7d")

    assert json.loads(ran.out) == {"loop": "front-page", "file": "log.dsjson", "n_written": 2, "n_left_out": 1}


def test_what_was_exported_comes_in_again(logged):
    logged("export", "vw-dsjson", "front-page", "log.dsjson")

    ran = logged("import", "vw-dsjson", "front-page", "log.dsjson", "--dry-run")

    assert ran.out == "checked 2 decisions and 1 outcome; nothing was written (--dry-run).\n"


def test_why_a_file_is_empty_is_told(project):
    ran = project("export", "vw-dsjson", "front-page", "log.dsjson")

    assert ran.code == 0
    assert "note: no decision's window has closed, as far as was asked; `policyloop join front-page` says what" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("vw-dsjsn", "front-page", "x"), "error: no format to export is named 'vw-dsjsn'; did you mean 'vw-dsjson'?\n"),
        (("parquet", "front-page", "x"), "error: no format to export is named 'parquet'; known: minari, onnx, "),
        (("vw-dsjson", "front-page", "none/x"), "error: none/x: cannot be written: No such file or directory.\n"),
        (
            ("vw-dsjson", "front-page", "x", "--part", "hold"),
            "error: --part: no part is named 'hold'; known: all, held-out, learned.\n",
        ),
        (("vw-dsjson", "front-page", "x", "--since", "-3d"), "error: --since: "),
    ],
)
def test_a_wrong_word_is_told_with_the_right_ones(project, arguments, told):
    ran = project("export", *arguments)

    assert ran.code == 2
    assert ran.err.startswith(told.rstrip("\n"))
