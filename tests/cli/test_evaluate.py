"""`policyloop evaluate`: tables, JSON and a page, from the log or from a file."""

import csv
import json
import random

import pytest


@pytest.fixture
def log(tmp_path):
    """A file of 800 decisions: the hour decides which action is liked; the chances are .8 and .2."""
    rng = random.Random(3)
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["reward", "event_id", "action", "action_prob", "observation"])
        for i in range(800):
            hour, is_calm = rng.randrange(24), rng.random() < 0.8
            liked = is_calm == (hour < 12)
            row = [int(rng.random() < (0.7 if liked else 0.2)), f"e{i}", 1 if is_calm else 2, 0.8 if is_calm else 0.2]
            rows.writerow([*row, json.dumps({"hour": hour})])
    return "log.csv"


def told(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_policies_are_estimated_from_a_file_beside_what_it_earned(project, log):
    ran = project("evaluate", "front-page", "constant:bold", "uniform", "--data", log)

    assert ran.code == 0, ran.err
    assert ran.out.count("constant:bold") == 9  # eight estimators, and whether to believe them
    assert "constant:bold: may this be believed? " in ran.out
    assert "The 8 estimators agree." in ran.out
    assert "\nlogged " in ran.out


def test_the_numbers_alone_are_json(project, log):
    found = told(project("evaluate", "Homepage", "uniform", "--data", log, "--by", "hour", "--json"))

    assert [one["model"] for one in found] == ["uniform", "baseline"]  # beside one policy stands the baseline
    assert [one["estimator"] for one in found[0]["estimates"]] == [
        *("dr", "sndr", "switch_dr", "dr_os", "dm", "ips", "snips", "clipped_ips"),
        "logged",
    ]
    dr = found[0]["estimates"][0]
    assert dr["low"] < 0.45 < dr["high"]  # half of .7 and half of .2
    assert found[0]["belief"] == {"answer": "yes", "reasons": []}
    assert found[0]["overlap"]["largest"] == 2.5
    assert found[0]["slices"]["field"] == "hour"
    assert sum(one["n"] for one in found[0]["slices"]["slices"]) == 800


def test_the_worst_slice_is_named(project, log):
    ran = project("evaluate", "front-page", "constant:bold", "baseline", "--data", log, "--by", "hour")

    assert "Worst slice of hour: " in ran.out
    assert "it is worse there, also when it is remembered that 4 slices were looked at." in ran.out


def test_an_interval_is_chosen_by_name_and_a_wrong_name_is_answered(project, log):
    narrow = told(project("evaluate", "front-page", "uniform", "--data", log, "--json"))[0]
    wide = told(project("evaluate", "front-page", "uniform", "--data", log, "--interval", "empirical-bernstein", "--json"))[0]
    shown = project("evaluate", "front-page", "uniform", "--data", log, "--interval", "anytime-bernstein")
    wrong = project("evaluate", "front-page", "uniform", "--data", log, "--interval", "bernstein")

    assert wide["estimates"][0]["low"] < narrow["estimates"][0]["low"]
    assert next(one for one in wide["estimates"] if one["estimator"] == "snips")["low"] is None  # it is no plain mean
    assert "needs whole logged pmfs, and no self-normalised estimator." in shown.err
    assert (wrong.code, wrong.err[:47]) == (2, "error: no interval is named 'bernstein'; did yo")


def test_a_page_is_written_that_needs_nothing_beside_itself(project, log, tmp_path):
    ran = project("evaluate", "front-page", "uniform", "--data", log, "--by", "hour", "--html", "found.html")

    page = (tmp_path / "found.html").read_text()
    assert ran.code == 0
    assert ran.err.startswith("found.html: 2 policies on 800 decisions of loop 'front-page'")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == page.count("</svg>") == 16
    assert "May this be believed? yes." in page
    assert "Worst slice of hour" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_that_cannot_be_written_is_the_users_mistake(project, log, tmp_path):
    ran = project("evaluate", "front-page", "uniform", "--data", log, "--html", tmp_path)

    assert (ran.code, ran.err) == (2, f"error: --html: is '{tmp_path}', which cannot be written: Is a directory.\n")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("constant:bald", "--data", "log.csv"), "error: no action is named 'bald'; did you mean 'bold'?\n"),
        (
            ("uniform", "--data", "log.csv", "--by", "our"),
            "error: no field with a value is named 'our'; did you mean 'hour'?\n",
        ),
        (("uniform", "--data", "log.csv", "--format", "xml"), "error: no format is named 'xml'; known: improve, joined-csv, "),
        (("uniform", "--data", "nowhere.csv"), "error: nowhere.csv: cannot be read: No such file or directory"),
        (("uniform",), "error: loop 'front-page' has no evaluation example yet"),
        (("abcdef",), "error: loop 'front-page' has no model 'abcdef'"),
    ],
)
def test_what_is_wrong_is_answered_with_what_to_do(project, log, arguments, answer):
    ran = project("evaluate", "front-page", *arguments)

    assert ran.code == 2
    assert ran.err.startswith(answer)


def test_bad_rows_are_all_told_and_nothing_is_estimated(project, tmp_path):
    head = "reward,event_id,action,action_prob,observation\n"
    (tmp_path / "bad.csv").write_text(head + "1,e1,1,0.5,[9]\n1,e1,1,0.5,[9]\n1,e2,1,1.5,[9]\n")

    ran = project("evaluate", "front-page", "uniform", "--data", "bad.csv")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: 2 faults in bad.csv:\n"
        "  row 2.decision_id: is 'e1', which row 1 has already; expected each decision once.\n"
        "  row 3.propensity: is 1.5; expected a probability in (0, 1]. Log the chance the action really had.\n"
    )


def test_a_policy_that_the_log_cannot_tell_about_is_refused_in_words(project, tmp_path):
    head = "reward,event_id,action,action_prob,observation\n"
    rows = [f"1,e{i},1,0.999,[9]\n" for i in range(300)]
    (tmp_path / "log.csv").write_text(head + "".join(rows) + "1,last,2,0.001,[9]\n")

    found = told(project("evaluate", "front-page", "constant:bold", "--data", "log.csv", "--json"))[0]

    assert found["belief"]["answer"] == "REFUSE"
    assert "301 examples are worth no more than 1 of equal weight; at least 30 are needed." in found["belief"]["reasons"]
