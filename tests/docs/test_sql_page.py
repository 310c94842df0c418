"""The page of SQL is true: its queries run, its tables are those there are, and what it says is refused is."""

import re
import shlex
from pathlib import Path

import pytest

from histories import SPEC, a_history, two_episodes
from policyloop.cli.commands import sql
from policyloop.core.errors import QueryRefused
from policyloop.core.settings import QUERY_MEMORY_MIB, QUERY_TIMEOUT_S, Home
from policyloop.join.hours import join_loop
from policyloop.lake.bulk import bring_history
from policyloop.run.apply import apply_spec
from policyloop.run.deployment import open_deployment
from policyloop.run.questions.asking import VIEWS, ask
from some_events import T0

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(tmp_path / "data")) as deployment:
        apply_spec(deployment, SPEC)
        history = a_history(two_episodes())
        bring_history(deployment.lake, deployment.records, SPEC, history, policy="x", salt=bytes(32), salt_id="s", now_us=T0)
        join_loop(deployment.lake, deployment.records, SPEC, watermark=T0)
        yield deployment


def test_every_query_of_the_page_answers(deployment):
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line) for line in block.splitlines()]

    for command in commands:
        assert command[:2] == ["policyloop", "sql"]
        assert set(command[3:]) <= {"--json", "--csv", "--loop", "cart-pole"}
        assert sum(batch.num_rows for batch in ask(deployment, command[2])) > 0


def test_the_tables_are_those_that_there_are():
    listed = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)

    assert sorted(name for cell in listed for name in re.findall(r"`(\w+)`", cell)) == sorted(VIEWS)


def test_the_columns_of_episodes_are_there(deployment):
    (row,) = re.findall(r"^\| `episodes` \|(.*)\|$", PAGE, re.MULTILINE)
    columns = next(ask(deployment, "SELECT * FROM episodes")).schema.names

    assert set(re.findall(r"`(\w+)`", row)) == set(columns) - {"loop", "hour", "episode_id"}


def test_json_in_a_context_can_be_asked(deployment):
    rows = [batch.to_pylist() for batch in ask(deployment, "SELECT context->>'x' AS x FROM decisions ORDER BY seq")]

    assert [row["x"] for batch in rows for row in batch] == ["0", "10", "1"]


def test_what_the_page_says_is_refused_is(deployment):
    (words,) = re.findall(r"loads \((.*?), \.\.\.\)", PAGE)
    hostile = {
        "ATTACH": "ATTACH 'a.db'",
        "COPY": "COPY decisions TO 'a.csv'",
        "read_csv": "FROM read_csv('/etc/passwd')",
        "INSTALL": "INSTALL httpfs",
        "SET": "SET threads = 99",
        "PRAGMA": "PRAGMA version",
    }

    assert set(re.findall(r"`(\w+)`", words)) == set(hostile)
    for query in hostile.values():
        with pytest.raises(QueryRefused):
            next(ask(deployment, query))


def test_the_bounds_are_those_of_the_code():
    assert f"{QUERY_TIMEOUT_S:g} seconds" in PAGE
    assert QUERY_MEMORY_MIB == 1024
    assert f"first {sql._MOST_SHOWN} rows" in PAGE
