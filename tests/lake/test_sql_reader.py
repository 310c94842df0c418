"""What a person asks in SQL: only questions, only of the tables, only so long; and behind that check no door is open either."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policyloop.core.errors import QueryFailed, QueryRefused
from policyloop.lake.sql_reader import Reader, tables_named

HOSTILE = [
    "ATTACH '/tmp/a.db' AS a",
    "COPY transitions TO '/tmp/stolen.csv'",
    "COPY (SELECT 1) TO 'data/lake/decisions/loop=cart/x.parquet' (FORMAT parquet)",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('data/records.sqlite')",
    "SELECT * FROM read_parquet('data/lake/decisions/**')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM sqlite_scan('data/records.sqlite', 'salts')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('decisions')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "WITH stolen AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM stolen",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '99GB'",
    "RESET memory_limit",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE a AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "DROP VIEW decisions",
    "INSERT INTO decisions SELECT * FROM decisions",
    "UPDATE decisions SET policy = 'mine'",
    "DELETE FROM decisions",
    "EXPORT DATABASE '/tmp/stolen'",
    "IMPORT DATABASE '/tmp/stolen'",
    "CHECKPOINT",
    "BEGIN",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "SELECT 1; DROP VIEW decisions",
    "",
    "/* nothing */",
]


OUTSIDE = [  # what the database itself must not do, were the look at the statement ever fooled
    "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "COPY rows TO '{allowed}' (FORMAT parquet)",
    "ATTACH '{folder}/a.db' AS a",
    "SELECT * FROM read_text('{other}')",
    "SELECT * FROM read_parquet('{other}')",
    "SELECT * FROM '{other}'",
    "SELECT * FROM glob('{folder}/*')",
    "EXPORT DATABASE '{folder}/stolen'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET allowed_paths = ['{other}']",
    "SET memory_limit = '99GB'",
    "SELECT * FROM rows_of_the_test",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_what_is_more_than_a_question_is_refused_before_it_runs(query):
    with pytest.raises(QueryRefused, match="expected one SELECT over decisions"):
        tables_named(query)


@pytest.mark.parametrize("query", OUTSIDE)
def test_the_database_itself_opens_writes_and_sets_nothing(tmp_path, query):
    rows_of_the_test = pa.table({"x": [1, 2, 3]})  # named in a query: a caller's variables are not seen
    allowed, other = tmp_path / "allowed.parquet", tmp_path / "other.parquet"
    for path in (allowed, other):
        pq.write_table(rows_of_the_test, path)
    before = allowed.read_bytes()

    with Reader([str(allowed)], memory_bytes=2**27, timeout_s=10) as reader:
        reader.define("rows", f"SELECT * FROM read_parquet('{allowed}')")
        assert sum(batch.num_rows for batch in reader.ask("SELECT * FROM rows")) == 3
        with pytest.raises(QueryFailed):
            list(reader.ask(query.format(folder=tmp_path, allowed=allowed, other=other)))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["allowed.parquet", "other.parquet"]
    assert allowed.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT 1", set()),
        ("FROM Episodes", {"episodes"}),
        ("WITH a AS (FROM decisions) SELECT * FROM a JOIN outcomes USING (decision_id)", {"a", "decisions", "outcomes"}),
        ("SELECT (SELECT max(x) FROM models), x FROM range(3) t(x), unnest([1])", {"models"}),
        ("SUMMARIZE transitions;", {"transitions"}),
    ],
)
def test_the_tables_that_a_question_names_are_known_before_it_runs(query, named):
    assert tables_named(query) == named


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT (", "RESET ALL", "SELECT * FORM x", "'"])
def test_what_cannot_be_read_says_where(query):
    with pytest.raises(QueryFailed, match="the query cannot be carried out"):
        tables_named(query)


def test_an_answer_tells_its_columns_first_and_comes_some_rows_at_a_time():
    with Reader([], memory_bytes=2**27, timeout_s=10) as reader:
        first, *rest = reader.ask("SELECT range AS x FROM range(25000)")

    assert (first.schema.names, first.num_rows) == (["x"], 0)
    assert sum(batch.num_rows for batch in rest) == 25_000
    assert len(rest) > 1
