"""SQL sees the tables that it is given, and nothing else."""

import pyarrow as pa
import pytest

from policyloop.lake.sql import Session

ROWS = pa.table({"x": [1, 2, 3]})


def test_a_query_answers_from_the_tables_it_was_given():
    with Session({"rows": ROWS}) as session:
        assert session.query("SELECT sum(x)::BIGINT AS total FROM rows").to_pylist() == [{"total": 6}]


def test_what_is_kept_can_be_queried():
    with Session({"rows": ROWS}) as session:
        session.keep("large", "SELECT x FROM rows WHERE x > 1")

        assert session.query("SELECT count(*) AS n FROM large")["n"].to_pylist() == [2]


def test_sessions_do_not_see_one_another():
    with Session({"rows": ROWS}) as one, Session({"rows": pa.table({"x": [9]})}) as other:
        one.keep("kept", "SELECT 1 AS y")

        assert other.query("SELECT x FROM rows")["x"].to_pylist() == [9]
        assert one.query("SELECT x FROM rows")["x"].to_pylist() == [1, 2, 3]
        with pytest.raises(Exception, match="kept"):
            other.query("SELECT * FROM kept")


def test_a_closed_session_leaves_nothing_behind():
    with Session({"rows": ROWS}) as session:
        session.keep("kept", "SELECT 1 AS y")

    with Session() as later:
        for name in ("rows", "kept"):
            with pytest.raises(Exception, match=name):
                later.query(f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('https://example.org/')",
        "SELECT * FROM ROWS_OF_THIS_TEST",
    ],
)
def test_a_query_reaches_no_file_no_network_and_no_variable(statement):
    ROWS_OF_THIS_TEST = ROWS  # noqa: F841

    with Session() as session, pytest.raises(Exception, match=r"Permission|Catalog"):
        session.query(statement)


@pytest.mark.parametrize(
    "statement",
    ["INSTALL httpfs", "ATTACH '/tmp/x.db'", "COPY (SELECT 1) TO '/tmp/x.csv'", "SET enable_external_access = true"],
)
def test_a_session_cannot_be_opened_up_from_within(statement):
    with Session() as session, pytest.raises(Exception, match=r"Permission|Invalid Input|Cannot"):
        session._connection.execute(statement)
