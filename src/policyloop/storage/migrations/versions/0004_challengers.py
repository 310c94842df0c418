"""A model that wants to serve is a challenger; a candidate is an action that the caller brings along."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Say it in the models' states."""
    op.execute("UPDATE models SET state = 'challenger' WHERE state = 'candidate'")


def downgrade() -> None:
    """Say it as before."""
    op.execute("UPDATE models SET state = 'candidate' WHERE state = 'challenger'")
