"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables. Long, because a migration is never changed again and so calls nothing that could be."""
    op.create_table(
        "decision_hours",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("id_hash", sa.BigInteger(), primary_key=True),
        sa.Column("hour", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dirty_hours",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("hour", sa.String(16), primary_key=True),
        sa.Column("marked", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("loop", sa.String(63), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("n_examples", sa.BigInteger()),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "loops",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("champion", sa.String(32)),
        sa.Column("previous", sa.String(32)),
        sa.Column("anchor", sa.String(32)),
        sa.Column("is_paused", sa.Integer(), nullable=False),
        sa.Column("is_frozen", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "models",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("model", sa.String(32), primary_key=True),
        sa.Column("parent", sa.String(32)),
        sa.Column("spec", sa.String(32), nullable=False),
        sa.Column("recipe", sa.String(32), nullable=False),
        sa.Column("n_examples", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
    )
    op.create_table(
        "progress",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("value", sa.BigInteger()),
        sa.Column("text", sa.Text()),
    )
    op.create_table(
        "salts",
        sa.Column("salt_id", sa.String(16), primary_key=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "specs",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("recipe", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("loop", sa.String(63), nullable=False, index=True),
        sa.Column("model", sa.String(32)),
        sa.Column("champion", sa.String(32)),
        sa.Column("anchor", sa.String(32)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Drop all tables."""
    op.drop_table("verdicts")
    op.drop_table("specs")
    op.drop_table("salts")
    op.drop_table("progress")
    op.drop_table("models")
    op.drop_table("loops")
    op.drop_table("leases")
    op.drop_table("jobs")
    op.drop_table("dirty_hours")
    op.drop_table("decision_hours")
