"""The papers are true: links lead somewhere, examples run, and every key, setting and word that there is, is in them."""

import ast
import json
import re
import shlex
from pathlib import Path

import msgspec
import pytest
import yaml

from policyloop.client.errors import ClientError, SpoolFull, Unavailable
from policyloop.core import event, loop, plugins, settings, spec_file, wire
from policyloop.core.operations import FUNCTIONS
from policyloop.testing import FakeClient

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packaging/**/*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOOP_PAGE = (ROOT / "docs" / "loop-spec.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(paper):
    text = paper.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (paper.parent / target).exists(), target


@pytest.mark.parametrize("page", [README, LOOP_PAGE], ids=["README", "loop-spec"])
def test_the_loop_in_the_paper_is_a_loop(page):
    spec = spec_file.read_spec(blocks(page, "yaml")[0])

    assert spec.loop == "front-page"
    assert spec.labels == ("calm", "bold", "playful")


def test_the_python_in_the_readme_runs(monkeypatch, capsys):
    fake = FakeClient({"front-page": ["calm", "bold", "playful"]})
    monkeypatch.setattr("policyloop.Client", lambda url, *, spool: fake, raising=False)

    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})

    assert capsys.readouterr().out == "calm 1.0 fake\n"
    assert fake.outcomes_of(fake.decisions[0]) == {"clicked": True, "dwell_s": 12.5}


def test_what_curl_sends_in_the_readme_fits_the_loop_in_it():
    (calls,) = [b for b in blocks(README, "sh") if "curl" in b]
    commands = [shlex.split(line) for line in calls.replace("\\\n", " ").splitlines() if line.strip()]
    decide, outcomes, track = [json.loads(command[command.index("-d") + 1]) for command in commands]

    spec = spec_file.read_spec(blocks(README, "yaml")[0])
    assert set(msgspec.convert(decide, wire.DecideRequest).context) == set(spec.context)
    assert set(msgspec.convert(outcomes, wire.OutcomeRequest).outcomes) <= set(spec.outcomes)
    (row,) = msgspec.convert(track, list[wire.TrackedRow])
    assert set(row.outcomes) <= set(spec.outcomes)


def test_every_key_of_a_loop_is_documented():
    headings = set(re.findall(r"^## (\w+)$", LOOP_PAGE, re.MULTILINE))
    structs = (loop.Field, loop.OutcomeSpec, loop.TrainSpec, loop.RewardSpec, loop.EpisodeSpec)
    keys = {name for struct in structs for name in struct.__slots__}
    every = dict.fromkeys(("every_examples", "every_episodes", "every_s"), "every")
    on_the_page = {"low": "range", "high": "range", **every}

    assert headings == set(spec_file.KEYS)
    for key in keys - {"name"}:
        assert f"`{on_the_page.get(key, key.removesuffix('_s'))}`" in LOOP_PAGE, key
    for name in FUNCTIONS:
        assert f"`{name}`" in LOOP_PAGE


@pytest.mark.parametrize("family", ["policyloop.learn.learners", "policyloop.policy.explorers", "policyloop.gate.rules"])
def test_every_plug_in_that_a_loop_can_name_is_documented(family):
    for name in plugins.ours(family):
        assert f"`{name}`" in LOOP_PAGE or f"`{name.replace('_', '-')}`" in LOOP_PAGE


def test_every_setting_is_documented_with_its_default():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^`|]+?)`? \|", page, re.MULTILINE))
    assert rows == {s.name: str(s.default or "empty") for s in settings.CATALOGUE}
    for variable in settings.OTHER_ENVIRONMENT:
        assert variable in page
    for block in blocks(page, "yaml"):
        assert all(key in {s.section for s in settings.CATALOGUE} for key in yaml.safe_load(block))


def test_every_error_code_is_documented_with_its_status():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert set(rows) == set(errors_in_source())
    assert fault_codes_in_source() - set(re.findall(r"`(\w+)`", page)) == set()
    for error in (ClientError, Unavailable, SpoolFull):
        assert f"`{error.code}`" in page


def errors_in_source():
    """(code, status) of every class that has both or inherits the status, read without importing the whole house."""
    for file in sorted((ROOT / "src" / "policyloop").rglob("*.py")):
        if file.parent.name == "client":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                values = {
                    n.targets[0].id: n.value
                    for n in node.body
                    if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)
                }
                if "code" in values:
                    yield values["code"].value, str(values["status"].value if "status" in values else status_of(node))


def status_of(node):
    """The status that a class takes over from the one below it."""
    return {"UnknownName": 404}.get(node.bases[0].id, 400)


def fault_codes_in_source():
    found = set()
    for file in sorted((ROOT / "src" / "policyloop").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("Fault", "fault"):
                codes = [*node.args[2:3], *(k.value for k in node.keywords if k.arg == "code")]
                found |= {code.value for code in codes if isinstance(code, ast.Constant)}
    return found


def test_the_readme_lists_the_commands_that_there_are():
    rows = re.findall(r"^\| ((?:`[a-z ]+`(?:, )?)+) \|", README.split("## Commands")[1], re.MULTILINE)
    listed = {name.split()[0] for row in rows for name in re.findall(r"`([a-z ]+)`", row)}

    assert listed == {name.rstrip("_").replace("_", "-") for name in plugins.ours("policyloop.cli.commands")}


def test_every_key_of_the_wire_is_documented():
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")

    for struct in (wire.DecideRequest, wire.DecideAnswer, wire.OutcomeRequest, wire.OutcomesAnswer, wire.ActivateRequest):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.name}`" in page, (struct.__name__, field.name)
    for name in event.RESERVED_OUTCOMES:
        assert f"`{name}`" in page


def test_every_noun_of_the_glossary_is_used_in_a_sentence():
    nouns = re.findall(r"^\| \*\*([\w /-]+?)\*\*", (ROOT / "GLOSSARY.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = (ROOT / "docs" / "words.md").read_text(encoding="utf-8").lower()

    assert len(nouns) > 40
    assert [noun for noun in nouns if noun not in words] == []


def test_every_benchmark_has_its_numbers_in_the_results():
    tree = ast.parse((ROOT / "benchmarks" / "run.py").read_text(encoding="utf-8"))
    (listed,) = [n for n in tree.body if isinstance(n, ast.AnnAssign) and getattr(n.target, "id", "") == "BENCHMARKS"]
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")

    titles = [title for title, _ in ast.literal_eval(listed.value).values()]
    assert len(titles) > 20
    assert [title for title in titles if f"\n## {title}\n" not in results] == []


def test_the_licence_is_apache_2_0_and_every_paper_is_there():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    for name in ("README", "ARCHITECTURE", "GLOSSARY", "CONTRIBUTING", "SECURITY", "CHANGELOG"):
        assert (ROOT / f"{name}.md").exists()
