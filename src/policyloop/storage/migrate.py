"""Migration: the records database brought to this version's schema, step by step, by Alembic.

Loaded only where a step is to be made: a start with an up-to-date database does not pay for the library.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from policyloop.core.errors import RecordsTooNew

_STEPS = Path(__file__).with_name("migrations")


def migrate(connection: sa.Connection) -> None:
    """Make the steps that are missing.

    Args:
        connection: holds the writer's lock, so that two starts at once make them once.

    Raises:
        RecordsTooNew: the schema was made by a newer version of Policyloop.
    """
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise RecordsTooNew(current)
    command.upgrade(config, "head")
