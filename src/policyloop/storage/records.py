"""Records: the small facts that must change atomically. SQLite on one machine, PostgreSQL on several; one schema, migrated.

Question answered: which spec and which model hold now, what was decided about them, what ran, and up to where.
Times are microseconds since 1970 UTC. JSON columns hold what only people and one reader look at.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

REVISION = "0007"  # of the schema below; the last step in migrations/ leads to it

metadata = MetaData()

salts = Table(  # the deployment's key for the draw; the newest is used, older ones stay for replay
    "salts",
    metadata,
    Column("salt_id", String(16), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

specs = Table(  # immutable versions of each loop's YAML
    "specs",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("version", Integer, primary_key=True),  # 1, 2, ...
    Column("digest", String(32), nullable=False),
    Column("recipe", String(32), nullable=False),
    Column("body", Text, nullable=False),  # the canonical JSON
    Column("applied_at", BigInteger, nullable=False),
)

loops = Table(  # one row a loop: what holds now
    "loops",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("spec_version", Integer, nullable=False),
    Column("champion", String(32)),  # model digest; NULL: the baseline
    Column("previous", String(32)),
    Column("anchor", String(32)),  # the last model that passed a challenge, or the first
    Column("is_paused", Integer, nullable=False),
    Column("is_frozen", Integer, nullable=False),  # an alarm or a person stopped promotions
    Column("version", BigInteger, nullable=False),  # rises with every change of this row
    Column("changed_at", BigInteger, nullable=False),
)

models = Table(  # immutable, content-addressed
    "models",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("model", String(32), primary_key=True),
    Column("parent", String(32)),
    Column("spec", String(32), nullable=False),
    Column("recipe", String(32), nullable=False),
    Column("n_examples", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # challenger, live, replaced, retired, refused, rolled-back
)

verdicts = Table(  # append only
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("loop", String(63), nullable=False, index=True),
    Column("model", String(32)),
    Column("champion", String(32)),
    Column("anchor", String(32)),
    Column("kind", String(16), nullable=False),  # refresh, watch, promote, rollback (by a person)
    Column("verdict", String(16), nullable=False),  # PROMOTE, RETIRE, INCONCLUSIVE, REFUSE, ROLLBACK
    Column("body", Text, nullable=False),  # JSON: a reason per rule, the numbers, the snapshot
    Column("at", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("loop", String(63), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # train
    Column("state", String(16), nullable=False),  # queued, running, done, failed
    Column("attempt", Integer, nullable=False),
    Column("reason", Text, nullable=False),  # why it was queued: `500 new examples`, `asked for`
    Column("message", Text),  # how it ended
    Column("queued_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("n_examples", BigInteger),  # examples known when it was queued
)

leases = Table(  # one holder at a time, e.g. `work`
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

decision_hours = Table(  # where each decision is filed: what outcomes are placed by
    "decision_hours",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("id_hash", BigInteger, primary_key=True),  # 64 bits of BLAKE2b of the decision id, signed
    Column("hour", Integer, nullable=False),  # hours since 1970 UTC
    sqlite_with_rowid=False,
)

episode_hours = Table(  # under which hours the decisions of each episode are filed: what an episode is put together by
    "episode_hours",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("id_hash", BigInteger, primary_key=True, autoincrement=False),  # of the episode's id, as for decisions
    Column("hour", Integer, primary_key=True, autoincrement=False),
    sa.Index("ix_episode_hours_hour", "loop", "hour"),
    sqlite_with_rowid=False,
)

dirty_hours = Table(  # hours whose examples may be out of date; written with the rows, cleared by the join
    "dirty_hours",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("hour", String(16), primary_key=True),
    Column("marked", BigInteger, nullable=False),  # rises with every mark, so that a mark made during a join survives it
)

progress = Table(  # `watermark` (time_us up to which all that was received is in the lake), counters
    "progress",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("value", BigInteger),
    Column("text", Text),
)

protocol_rows = Table(  # what protocols of other systems keep for a loop: settings and results that no spec has a place for
    "protocol_rows",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("kind", String(64), primary_key=True),  # such as `personalizer/service`
    Column("name", String(256), primary_key=True),
    Column("body", Text, nullable=False),  # JSON
    Column("changed_at", BigInteger, nullable=False),
)

action_sets = Table(  # candidates that were registered ahead, so that decisions need only name them
    "action_sets",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("name", String(32), primary_key=True),  # the digest of the set as it was checked
    Column("actions", Text, nullable=False),  # JSON as it was sent
    Column("registered_at", BigInteger, nullable=False),
)

notices = Table(  # what is to be told to the receiver of `notify.url`; written together with what it tells
    "notices",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("notice", String(36), nullable=False),  # the id by which receivers know it again
    Column("loop", String(63), nullable=False),
    Column("kind", String(32), nullable=False),  # promote, rollback, freeze, alarm, job-failure
    Column("body", Text, nullable=False),  # JSON: the facts
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, index=True),  # waiting, sent, failed
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),  # no attempt earlier
    Column("message", Text),  # how the last attempt ended
    Column("ended_at", BigInteger),
)

challenges = Table(  # recipes that want to take over; one at a time is open in a loop
    "challenges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("loop", String(63), nullable=False, index=True),
    Column("recipe", String(32), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON of the spec that the loop would have
    Column("state", String(16), nullable=False),  # of gate/ramp.py
    Column("model", String(32)),  # the newest model of its line; NULL: none is trained yet
    Column("is_waiting", Integer, nullable=False),  # for a person to approve
    Column("is_approved", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)

moves = Table(  # append only: every change of a challenge's state, with the verdict that made it
    "moves",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("loop", String(63), nullable=False, index=True),
    Column("challenge", Integer, nullable=False, index=True),
    Column("before", String(16)),  # NULL: it began
    Column("after", String(16), nullable=False),
    Column("body", Text, nullable=False),  # JSON: the verdict, and the evidence that it rests on
    Column("at", BigInteger, nullable=False),
)

evidence = Table(  # what is carried on from look to look, so that no look begins from the first event again
    "evidence",
    metadata,
    Column("loop", String(63), primary_key=True),
    Column("name", String(64), primary_key=True),  # `challenge:ID`, `hold-out`, `log`
    Column("body", Text, nullable=False),  # JSON
    Column("changed_at", BigInteger, nullable=False),
)

_BUSY_TIMEOUT_S = 15.0
_WRITES = "policyloop_writes"


class Records:
    """An open records database. Safe to share between threads; every transaction takes its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the one-machine database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it or, when the block raises, nothing. Writers wait for one another."""
        with self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def url_of(home: Path) -> str:
    """The records database of a data folder on one machine."""
    return f"sqlite:///{(home / 'records.sqlite').resolve()}"


def open_records(url: str) -> Records:
    """Open a records database, making it or bringing its schema up to date first.

    Args:
        url: an SQLAlchemy URL, `sqlite:////path/records.sqlite` or `postgresql+psycopg://...`.

    Raises:
        RecordsTooNew: the schema was made by a newer version of Policyloop.
    """
    place = sa.make_url(url)
    is_sqlite = place.get_backend_name() == "sqlite"
    if is_sqlite and place.database:
        Path(place.database).touch(mode=0o600)  # it holds the salt; SQLite would let everyone read it
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S} if is_sqlite else {})
    if is_sqlite:
        _set_up_sqlite(engine)
    records = Records(engine)
    if _revision(engine) != REVISION:
        step = importlib.import_module("policyloop.storage.migrate")
        with records.write() as connection:
            step.migrate(connection)
    return records


def _revision(engine: sa.Engine) -> str | None:
    """The schema's version; None for a database that is empty."""
    with engine.begin() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _set_up_sqlite(engine: sa.Engine) -> None:
    """Durable and concurrent: write-ahead log, full sync, and transactions that begin where we say."""

    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late and never takes the write lock
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: sa.Connection) -> None:
        # A reader that turns writer can fail as busy at any moment, so writers take the lock at once.
        is_writing = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
