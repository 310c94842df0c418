"""Origin: what a model was made from. A rejected model never parents the next.

Question answered: was this model made for a spec of this loop, and from a parent that was champion and was not taken back?
Functions over one connection.
"""

from __future__ import annotations

import sqlalchemy as sa

from policyloop.core.errors import BadModel
from policyloop.core.model import Manifest
from policyloop.core.spec_file import from_json
from policyloop.registry import challenge_rows, loop_rows, model_rows
from policyloop.registry.loop_rows import LoopRow


def check(connection: sa.Connection, row: LoopRow, manifest: Manifest) -> None:
    """Refuse a model that was made for no spec of this loop, or from a parent that was never champion or was taken back.

    Raises:
        BadModel: the message says which.
    """
    known = [spec.digest for spec in loop_rows.spec_rows(connection, row.loop)]
    known += [from_json(one.body).digest for one in challenge_rows.rows(connection, row.loop)]
    if manifest.spec not in known:
        raise BadModel(
            f"the model was made for spec {manifest.spec}, which loop '{row.loop}' never had; apply that spec first."
        )
    if manifest.parent is None:
        return
    state = model_rows.row(connection, row.loop, manifest.parent).state
    if state not in {"live", "replaced"}:
        raise BadModel(
            f"the model's parent {manifest.parent} is {state}; expected a model that is or was champion. "
            f"A rejected model never parents the next: train again from the champion."
        )
