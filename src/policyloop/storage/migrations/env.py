"""Runs the steps on the connection that `open_records` hands over."""

from alembic import context

from policyloop.storage.records import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
