"""The records database: one schema, migrated; transactions that are whole or nothing; writers that wait."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from policyloop.core.errors import RecordsTooNew
from policyloop.storage import records as schema
from policyloop.storage.records import open_records, url_of


@pytest.fixture
def records(tmp_path: Path):
    opened = open_records(url_of(tmp_path))
    yield opened
    opened.close()


def test_the_migrations_lead_to_exactly_the_tables_that_the_code_names(records):
    with records.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)

    assert differences == []


def test_the_files_are_for_their_owner_alone(records, tmp_path):
    with records.write() as connection:
        connection.execute(sa.text("CREATE TABLE some_table (x INTEGER)"))

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_last_step_has_the_revision_that_the_code_names(records):
    with records.read() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == schema.REVISION


def test_models_that_wanted_to_serve_before_are_challengers_now(records, tmp_path):
    row = dict.fromkeys((column.name for column in schema.models.columns if not column.nullable), 0)
    with records.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        for model, state in (("a", "candidate"), ("b", "retired")):
            connection.execute(sa.insert(schema.models).values(**row | {"loop": "x", "model": model, "state": state}))

    again = open_records(url_of(tmp_path))

    with again.read() as connection:
        found = connection.execute(sa.select(schema.models.c.model, schema.models.c.state)).all()
    again.close()
    assert sorted(found) == [("a", "challenger"), ("b", "retired")]


def test_a_transaction_that_raises_leaves_nothing_behind(records):
    with pytest.raises(RuntimeError), records.write() as connection:
        connection.execute(sa.insert(schema.progress).values(name="watermark", value=1))
        raise RuntimeError

    with records.read() as connection:
        assert connection.execute(sa.select(schema.progress)).all() == []


def test_thirty_writers_at_once_lose_no_increment(records):
    with records.write() as connection:
        connection.execute(sa.insert(schema.progress).values(name="n", value=0))

    def increment():
        for _ in range(10):
            with records.write() as connection:
                now = connection.execute(sa.select(schema.progress.c.value)).scalar_one()
                connection.execute(sa.update(schema.progress).values(value=now + 1))

    threads = [threading.Thread(target=increment) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with records.read() as connection:
        assert connection.execute(sa.select(schema.progress.c.value)).scalar_one() == 300


def test_opening_again_keeps_what_was_written(tmp_path):
    first = open_records(url_of(tmp_path))
    with first.write() as connection:
        connection.execute(sa.insert(schema.progress).values(name="watermark", value=7))
    first.close()

    second = open_records(url_of(tmp_path))

    with second.read() as connection:
        assert connection.execute(sa.select(schema.progress.c.value)).scalar_one() == 7
    second.close()


def test_a_schema_from_the_future_is_refused_in_words(tmp_path):
    opened = open_records(url_of(tmp_path))
    with opened.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()

    with pytest.raises(RecordsTooNew, match="schema '9999', which this version does not know"):
        open_records(url_of(tmp_path))
