"""`policyloop init`: a loop file that reads back, from nothing or from a table."""

import json

from policyloop.core.spec_file import read_spec_file


def test_init_writes_a_loop_that_reads_without_a_fault(policyloop, tmp_path):
    ran = policyloop("init", "my-loop")

    assert ran.code == 0
    assert ran.out.startswith("wrote my-loop.yaml (2 fields, 3 actions).\nNext: edit it, then `policyloop apply my-loop.yaml`.")
    assert read_spec_file(tmp_path / "my-loop.yaml").loop == "my-loop"


def test_init_like_a_protocol_writes_the_loop_that_its_clients_expect(policyloop, tmp_path):
    ran = policyloop("init", "shelf", "--like", "personalizer")

    spec = read_spec_file(tmp_path / "shelf.yaml")
    assert ran.out.startswith("wrote shelf.yaml (1 field, candidates).")
    assert (spec.actions.kind, spec.actions.max, spec.baseline) == ("candidates", 50, "first")
    assert (spec.reward.window_s, spec.reward.default, spec.outcomes["reward"].take) == (600, 0, "first")
    assert (spec.explore.name, spec.explore.floor) == ("greedy", 0.2)


def test_a_protocol_without_a_loop_of_its_own_is_told(policyloop):
    assert policyloop("init", "t", "--like", "personaliser").err.endswith("'personaliser'; did you mean 'personalizer'?\n")
    assert policyloop("init", "t", "--like", "improve").err.endswith("'improve'; known: personalizer.\n")


def test_init_never_overwrites(policyloop, tmp_path):
    (tmp_path / "my-loop.yaml").write_text("mine")

    ran = policyloop("init", "my-loop")

    assert ran.code == 2
    assert ran.err == "error: my-loop.yaml: exists already; expected a new name, or --out OTHER.yaml.\n"
    assert (tmp_path / "my-loop.yaml").read_text() == "mine"


def test_init_reads_a_decimal_comma_and_tells_where_one_was_not_asked_for(policyloop, tmp_path):
    (tmp_path / "t.csv").write_text("level;colour\n1,5;red\n2,25;blue\n")

    plain, asked = policyloop("init", "a", "--from", "t.csv"), policyloop("init", "b", "--from", "t.csv", "--decimal", ",")

    assert "note: level look like numbers with a decimal comma, and were read as words: expected `--decimal ,`.\n" in plain.err
    assert asked.code == 0
    assert read_spec_file(tmp_path / "b.yaml").context["level"].type == "number"


def test_init_from_a_table_takes_fields_and_actions_from_it(policyloop, tmp_path):
    (tmp_path / "flowers.csv").write_text(
        "petal length,colour,kind\n1.5,red,rose\n2.5,blue,iris\n1.0,red,rose\n2.0,blue,iris\n"
    )

    ran = policyloop("init", "flowers", "--from", "flowers.csv", "--label", "kind")

    spec = read_spec_file(tmp_path / "flowers.yaml")
    assert ran.code == 0
    assert list(spec.context) == ["petal_length", "colour"]
    assert (spec.context["petal_length"].min, spec.context["petal_length"].max) == (0.0, 4.0)
    assert spec.context["colour"].values == ("blue", "red")
    assert spec.labels == ("iris", "rose")


def test_that_bounds_are_wider_than_the_table_is_said_and_stands_in_the_file(policyloop, tmp_path):
    (tmp_path / "t.csv").write_text("a,colour\n1,x\n2,y\n1,x\n2,y\n")
    (tmp_path / "u.csv").write_text("colour\nx\ny\nx\ny\n")

    numbers = policyloop("init", "t", "--from", "t.csv")
    texts = policyloop("init", "u", "--from", "u.csv")

    told = (
        "Bounds of numbers are those of t.csv and as far again beyond as its values span. "
        "What lies outside is refused: put what can really be."
    )
    assert f"note: {told}\n" in numbers.err
    assert f"\n# {told}\n" in (tmp_path / "t.yaml").read_text()
    assert (read_spec_file(tmp_path / "t.yaml").context["a"].min, read_spec_file(tmp_path / "t.yaml").context["a"].max) == (
        0,
        3,
    )
    assert "Bounds" not in texts.err + (tmp_path / "u.yaml").read_text()


def test_a_script_gets_the_file_and_the_notes_as_json(policyloop):
    ran = policyloop("init", "my-loop", "--json")

    assert json.loads(ran.out) == {"loop": "my-loop", "file": "my-loop.yaml", "notes": []}
    assert ran.err == ""


def test_an_unknown_label_column_is_answered_with_the_nearest(policyloop, tmp_path):
    (tmp_path / "t.csv").write_text("a,kind\n1,x\n2,y\n")

    ran = policyloop("init", "t", "--from", "t.csv", "--label", "knd")

    assert (ran.code, ran.err) == (2, "error: no column is named 'knd'; did you mean 'kind'?\n")


def test_a_label_needs_a_table(policyloop):
    ran = policyloop("init", "t", "--label", "kind")

    assert ran.err == "error: --label: is 'kind' without a table; expected --from FILE beside it.\n"


def test_a_missing_table_is_told(policyloop):
    ran = policyloop("init", "t", "--from", "nowhere.csv")

    assert ran.err == "error: nowhere.csv: cannot be read: No such file or directory; expected a table of text.\n"


def test_a_folder_that_is_not_there_is_told(policyloop):
    ran = policyloop("init", "t", "--out", "nowhere/t.yaml")

    assert ran.err == "error: nowhere/t.yaml: cannot be written: No such file or directory.\n"
