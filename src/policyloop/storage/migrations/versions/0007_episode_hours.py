"""Where the decisions of each episode are filed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "episode_hours",
        sa.Column("loop", sa.String(63), primary_key=True),
        sa.Column("id_hash", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_episode_hours_hour", "episode_hours", ["loop", "hour"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("episode_hours")
