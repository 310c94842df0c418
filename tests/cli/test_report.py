"""`policyloop report`, `diff` and `explain` at the command line: where the page goes, and what wrong input is answered."""

import json

import pytest


def test_the_page_is_written_beside_the_project_under_the_loops_name(project, tmp_path):
    ran = project("report", "Homepage")

    assert (ran.code, ran.out[:23]) == (0, "front-page-report.html:")
    assert (tmp_path / "front-page-report.html").read_text().startswith("<!doctype html>")


def test_a_dash_writes_the_page_to_standard_output(project, tmp_path):
    ran = project("report", "front-page", "--out", "-")

    assert ran.out.startswith("<!doctype html>")
    assert not list(tmp_path.glob("*.html"))


def test_the_numbers_alone_are_json(project):
    told = json.loads(project("report", "front-page", "--since", "12h", "--json").out)

    assert (told["loop"], told["n"], told["status"]["champion"]) == ("front-page", 0, None)


def test_a_place_that_cannot_be_written_is_the_users_mistake(project, tmp_path):
    ran = project("report", "front-page", "--out", tmp_path)

    assert ran.code == 2
    assert ran.err == f"error: --out: is '{tmp_path}', which cannot be written: Is a directory.\n"


@pytest.mark.parametrize("command", [("report", "front-page"), ("diff", "baseline", "champion")])
@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("yesterday", "is 'yesterday'; expected a duration such as 90s, 10m, 4h, 1.5h or 90d."),
        ("0s", "is '0s'; expected more than 0, such as 7d."),
        ("99999d", "is '99999d'; expected at most 36500d."),
    ],
)
def test_a_time_that_is_none_is_answered_with_what_one_looks_like(project, command, since, told):
    ran = project(*command, "--since", since)

    assert (ran.code, ran.err) == (2, f"error: --since: {told}\n")


def test_without_decisions_there_is_nothing_to_compare_on(project):
    ran = project("diff", "baseline", "champion")

    assert ran.code == 2
    assert "the tables have no decision of loop 'front-page' in that time" in ran.err


def test_an_unknown_decision_and_an_unknown_loop_are_told(project):
    assert "no decision has the id 'nobody'" in project("explain", "nobody").err
    assert "did you mean 'front-page'?" in project("explain", "nobody", "--loop", "front-pag").err


def test_a_loop_in_the_place_of_a_model_is_told_with_the_line_to_type(project):
    ran = project("diff", "front-page", "7d49")

    assert ran.code == 2
    assert "MODEL_A: is 'front-page', a loop; expected a model: policyloop diff 7d49 MODEL_B --loop front-page" in ran.err
