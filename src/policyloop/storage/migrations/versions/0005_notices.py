"""Notices: what is to be told to the receiver that `notify.url` names."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("notice", sa.String(36), nullable=False),
        sa.Column("loop", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("ended_at", sa.BigInteger()),
    )
    op.create_index("ix_notices_state", "notices", ["state"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("notices")
