"""`policyloop sql`: what the tables say, each thing once; and nothing but a question is carried out."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from histories import a_history, two_episodes
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.lake.bulk import bring_history
from policyloop.lake.schema import DECISIONS
from policyloop.run.deployment import open_deployment
from some_events import T0

CART_FILE = """
loop: cart
context: {x: {type: number, min: -50, max: 50}, wind: {type: number, optional: true}}
actions: {kind: continuous, box: {force: {min: -1, max: 1}}}
outcomes: {paid: {type: number, min: 0, max: 9}}
episodes: {max_steps: 5, discount: 0.9}
reward: {expression: next.x + paid, range: [-100, 100], window: 10m}
baseline: middle
"""
FRONT_PAGE_FILE = """
loop: front-page
context: {hour: {type: integer, min: 0, max: 23}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
aliases: [Homepage]
"""


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A data folder whose loop cart has a history of two episodes, beside the loop front-page; to be copied."""
    folder = tmp_path_factory.mktemp("brought") / "policyloop-data"
    with open_deployment(Home(folder)) as deployment:
        spec = read_spec(CART_FILE)
        for one in (spec, read_spec(FRONT_PAGE_FILE)):
            deployment.registry.apply(one)
        table = a_history(two_episodes(), spec=spec)
        bring_history(deployment.lake, deployment.records, spec, table, policy="lqr", salt=b"salt" * 8, salt_id="s1", now_us=T0)
        join_loop(deployment.lake, deployment.records, spec, watermark=T0)
    return folder


@pytest.fixture
def cart(policyloop, brought, tmp_path):
    """The command in a project with that data."""
    shutil.copytree(brought, tmp_path / "policyloop-data")
    return policyloop


def asked(policyloop, query, *options):
    """The rows of a query, by a script."""
    ran = policyloop("sql", query, "--json", *options)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_episodes_have_a_length_a_return_and_an_end(cart):
    rows = asked(cart, "SELECT episode_id, length, return, terminated, truncated, policy FROM episodes ORDER BY 1")

    assert rows == [
        {"episode_id": "e1", "length": 2, "return": 32.0, "terminated": True, "truncated": False, "policy": "imported:lqr"},
        {"episode_id": "e2", "length": 1, "return": 4.0, "terminated": False, "truncated": True, "policy": "imported:lqr"},
    ]


def test_every_table_can_be_asked(cart):
    for table, n in {"decisions": 3, "outcomes": 3, "transitions": 3, "examples": 0, "models": 0, "verdicts": 0}.items():
        assert asked(cart, f"SELECT count(*) AS n FROM {table}") == [{"n": n}]


def test_models_and_verdicts_are_there(cart, publish):
    model = publish(1)
    cart("promote", "front-page", model)

    assert asked(cart, "SELECT loop, model, state FROM models") == [{"loop": "front-page", "model": model, "state": "live"}]
    assert asked(cart, "SELECT kind FROM verdicts WHERE model IS NOT NULL", "--loop", "front-page") == [{"kind": "promote"}]
    assert asked(cart, "SELECT * FROM models", "--loop", "cart") == []


def test_the_rows_of_one_loop_can_be_asked_by_its_alias(cart):
    assert asked(cart, "SELECT * FROM decisions", "--loop", "Homepage") == []
    assert len(asked(cart, "SELECT * FROM decisions", "--loop", "cart")) == 3


def test_a_decision_that_is_in_the_table_twice_is_there_once(cart):
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        rows = deployment.lake.rows(DECISIONS)
        deployment.lake.commit(deployment.lake.open(DECISIONS), rows.slice(0, 2))

    assert asked(cart, "SELECT count(*) AS n FROM decisions") == [{"n": 3}]


def test_people_get_a_table(cart):
    ran = cart("sql", "SELECT episode_id AS who, round(return / 3, 9) AS third FROM episodes ORDER BY 1")

    assert ran.out.splitlines()[0].split() == ["who", "third"]
    assert ran.out.splitlines()[1].split() == ["e1", "10.6667"]


def test_a_screen_shows_the_first_rows_and_says_so(cart):
    ran = cart("sql", "SELECT * FROM range(500)")

    assert len(ran.out.splitlines()) == 201
    assert "first 200 rows" in ran.err


def test_csv_has_all_rows_and_lists_as_json(cart):
    ran = cart("sql", "SELECT step, action_value, terminated FROM transitions ORDER BY episode_id, step", "--csv")

    rows = list(csv.reader(io.StringIO(ran.out)))
    assert rows == [
        ["step", "action_value", "terminated"],
        ["0", "[0.5]", "false"],
        ["1", "[0.5]", "true"],
        ["0", "[0.5]", "false"],
    ]


def test_columns_are_told_even_where_no_row_is(cart):
    assert cart("sql", "SELECT step FROM transitions WHERE step > 99", "--csv").out == "step\n"
    assert asked(cart, "SELECT step FROM transitions WHERE step > 99") == []


def test_sums_of_whole_numbers_and_times_are_plain(cart):
    (row,) = asked(cart, "SELECT sum(step) AS steps, min(make_timestamp(decided_at)) < now() AS is_past FROM decisions")

    assert row == {"steps": 1, "is_past": True}


def test_what_there_is_to_ask_is_told(cart):
    names = {row["name"] for row in asked(cart, "SHOW TABLES")}
    columns = {row["column_name"] for row in asked(cart, "DESCRIBE transitions")}

    assert names == {"decisions", "outcomes", "examples", "transitions", "episodes", "models", "verdicts"}
    assert {"loop", "hour", "context", "reward", "terminated"} <= columns


def test_what_is_more_than_a_question_is_refused_in_words(cart):
    hostile = [
        "ATTACH '/tmp/a.db' AS a",
        "COPY transitions TO '/tmp/stolen.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "INSTALL httpfs",
        "SET memory_limit = '99GB'",
        "PRAGMA database_list",
    ]
    for query in hostile:
        ran = cart("sql", query)

        assert (ran.code, ran.out) == (2, "")
        assert "expected one SELECT over decisions, outcomes" in ran.err


@pytest.mark.parametrize(
    "query", ["SELECT * FROM '/etc/passwd'", 'SELECT * FROM "policyloop-data/records.sqlite"', "SELECT * FROM salts"]
)
def test_what_is_none_of_the_tables_is_not_found(cart, query):
    ran = cart("sql", query)

    assert (ran.code, ran.out) == (2, "")
    assert "does not exist" in ran.err


def test_a_mistake_in_a_query_is_shown_where_it_is(cart):
    ran = cart("sql", "SELECT rewad FROM transitions")

    assert ran.code == 2
    assert "rewad" in ran.err
    assert "reward" in ran.err
    assert "Traceback" not in ran.err


def test_a_query_that_takes_too_long_ends(cart):
    ran = cart(
        "sql", "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = b.range % 5", "--timeout", 0.2
    )

    assert ran.code == 2
    assert "took longer than 0.2 s" in ran.err


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM (SELECT range AS a FROM range(100000000) ORDER BY hash(a))",
        "SELECT list(range) FROM range(1000000000)",
    ],
)
def test_a_query_that_needs_too_much_memory_ends(cart, query):
    ran = cart("sql", query, "--memory-mib", 64)

    assert ran.code == 2
    assert "needs more memory than it may have" in ran.err


def test_a_folder_without_data_says_so(policyloop):
    ran = policyloop("sql", "SELECT 1")

    assert ran.code == 2
    assert "there is no data" in ran.err
