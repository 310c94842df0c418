"""`policyloop doctor` and `features` at the command line: what people see, what scripts get, and with which exit code."""

import io
import json

import pytest
from rich.console import Console

from policyloop.care.doctor.cause import Cause, Diagnosis
from policyloop.cli.commands.doctor import screen_of

STARVED = Cause(
    name="gate-starved",
    severity="slows",
    sentence="The log says little about the newest model 0123456789ab: to it 1,200 evaluation events are worth 12.",
    advice="Raise explore.floor so that every action is seen.",
)
SILENT = Cause(name="no-rewards", severity="stops", sentence="No outcome came.", advice="Send 'clicked'.")


def diagnosis(*causes, notes=(), needs=None):
    return Diagnosis(loop="shop", at=0, causes=causes, notes=notes, n_decisions=12, n_examples=10, needs=needs)


def shown(found, width):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(screen_of(found))
    return console.export_text()


def test_a_healthy_loop_leaves_with_0(project):
    ran = project("doctor", "front-page")

    assert ran.code == 0
    assert ran.out.startswith("Loop 'front-page' is healthy: it was not asked for a decision yet.\n")
    assert "the first training waits for 500 more examples" in " ".join(ran.out.split())


def test_an_alias_names_the_loop_too(project):
    assert project("doctor", "Homepage").out.startswith("Loop 'front-page' is healthy")


def test_a_loop_with_a_cause_leaves_with_3_and_says_what_to_do(project):
    project("pause", "front-page")

    ran = project("doctor", "front-page")

    assert (ran.code, ran.err) == (3, "")
    assert ran.out.startswith("Loop 'front-page' is not well: 1 cause found, the gravest first.\n\n1. held-by-person  stops\n")
    assert "-> `policyloop resume front-page` lets the champion decide again." in ran.out


def test_scripts_get_all_of_it_with_the_same_exit_code(project):
    project("pause", "front-page")

    ran = project("doctor", "front-page", "--json")

    told = json.loads(ran.out)
    assert ran.code == 3
    assert (told["loop"], told["healthy"], told["n_decisions"]) == ("front-page", False, 0)
    (cause,) = told["causes"]
    assert set(cause) == {"name", "severity", "sentence", "advice", "share", "numbers"}
    assert cause["severity"] == "stops"


def test_a_loop_that_is_not_there_is_the_users_mistake(project):
    for command in ("doctor", "features"):
        ran = project(command, "front-pag")

        assert (ran.code, ran.out) == (2, "")
        assert "did you mean 'front-page'?" in ran.err


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits_the_screen_and_advice_follows_what_is_seen(width):
    text = shown(diagnosis(SILENT, STARVED, notes=("A note.",)), width)

    assert max(len(line) for line in text.splitlines()) <= width
    told = " ".join(text.split())
    assert told.index("1. no-rewards stops No outcome came. -> Send 'clicked'.") < told.index("2. gate-starved slows The log")
    assert told.endswith("A note.")


def test_a_healthy_diagnosis_is_one_line():
    assert shown(diagnosis(), 80) == "Loop 'shop' is healthy: 12 decisions, 10 examples.\n"
    assert "young: it needs about 18 more decisions." in shown(diagnosis(needs=18), 80)


def test_the_baseline_has_no_features_to_weigh(project):
    ran = project("features", "front-page")

    assert ran.code == 2
    assert "the baseline of loop 'front-page' looks at no field" in ran.err
