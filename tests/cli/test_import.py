"""`policyloop import`: a file of another system's decisions, all of it or none."""

import json

HEAD = "reward,event_id,action,action_prob,observation\n"
LINES = '1,e1,1,0.5,[9]\n,e2,2,0.5,[10]\n0,e3,2,0.25,"{""hour"": 11}"\n'


def test_a_joined_csv_comes_in(project, tmp_path):
    (tmp_path / "log.csv").write_text(HEAD + LINES)

    ran = project("import", "joined-csv", "front-page", "log.csv", "--policy", "notebook")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "imported 3 decisions and 2 outcomes.\nThey become examples 10m from now, by `policyloop up` or `policyloop join`.\n"
    )
    assert len(list((tmp_path / "policyloop-data" / "log").glob("*.plog"))) == 1


def test_a_dry_run_checks_and_writes_nothing(project, tmp_path):
    (tmp_path / "log.csv").write_text(HEAD + LINES)

    ran = project("import", "joined_csv", "Homepage", "log.csv", "--dry-run", "--json")

    assert json.loads(ran.out) == {
        "loop": "front-page",
        "written": False,
        "n_decisions": 3,
        "n_outcomes": 2,
        "n_repeated": 0,
        "n_evidence": 3,
        "warnings": [],
    }
    assert list((tmp_path / "policyloop-data" / "log").glob("*.plog")) == []


def test_a_bad_line_keeps_the_file_out(project, tmp_path):
    (tmp_path / "log.csv").write_text(HEAD + LINES + "1,e4,3,0.5,[9]\n1,e5,1,0.5,[99]\n")

    ran = project("import", "joined-csv", "front-page", "log.csv")

    assert ran.code == 2
    assert ran.err == (
        "error: 2 faults in the file:\n"
        "  row 4: action is '3'; expected a whole number from 1 to 2, as the loop has 2 actions.\n"
        "  row 5.context.hour: is 99; expected a whole number from 0 to 23.\n"
    )
    assert list((tmp_path / "policyloop-data" / "log").glob("*.plog")) == []


def test_what_is_no_evidence_and_what_repeats_is_noted(project, tmp_path):
    (tmp_path / "log.csv").write_text(HEAD + "1,e1,1,,[9]\n1,e1,1,,[9]\n")

    ran = project("import", "joined-csv", "front-page", "log.csv")

    assert ran.err.splitlines() == [
        "note: 2 decisions came without a whole pmf: learned from, but no evidence for the gate.",
        "note: 1 decision repeated an id of the file: equal ones count once, others not at all.",
    ]


def test_an_unknown_format_names_the_known(project, tmp_path):
    ran = project("import", "xml", "front-page", "log.xml")

    known = "history, improve, joined-csv, minari, parquet, rllib, transitions, vw-dsjson"
    assert (ran.code, ran.err) == (2, f"error: no format is named 'xml'; known: {known}.\n")


def test_several_files_come_in_together_or_not_at_all(project, tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + LINES)
    (tmp_path / "b.csv").write_text(HEAD + "1,e4,1,0.5,[9]\n1,e5,1,0.5,[99]\n")
    (tmp_path / "c.csv").write_text(HEAD + "1,e6,1,0.5,[9]\n")

    bad = project("import", "joined-csv", "front-page", "a.csv", "b.csv")
    good = project("import", "joined-csv", "front-page", "a.csv", "c.csv")

    assert (bad.code, bad.err) == (2, "error: b.csv row 2.context.hour: is 99; expected a whole number from 0 to 23.\n")
    assert good.out.startswith("imported 4 decisions and 3 outcomes.\n")
