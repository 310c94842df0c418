"""Offline choice: that a model was chosen by its history alone, and why. Functions over one connection.

Question answered: on what grounds was this checkpoint published, before anybody saw it act? It is a state of the model and no
verdict of the gate: from here the way to live is a challenge, begun by a person.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from policyloop.core.errors import PromotionRefused
from policyloop.registry import challenge_rows, model_rows


def put(connection: sa.Connection, loop: str, model: str, why: Sequence[str], *, now_us: int) -> None:
    """Say that a model was chosen, and why.

    Raises:
        UnknownModel: the loop has no such model.
        PromotionRefused: the gate has dealt with it already.
    """
    row = model_rows.row(connection, loop, model)
    if row.state not in model_rows.MAY_GO_LIVE:
        raise PromotionRefused(f"model {model} of loop '{loop}' is {row.state}; expected one that the gate has not dealt with.")
    model_rows.set_state(connection, loop, model, "offline-chosen")
    body = msgspec.json.encode(list(why)).decode()
    challenge_rows.put_evidence(connection, loop, _name(model), body, now_us=now_us)


def of(connection: sa.Connection, loop: str, model: str) -> tuple[str, ...]:
    """The sentences; none of a model that was not chosen offline."""
    body = challenge_rows.evidence_of(connection, loop, _name(model))
    return () if body is None else tuple(msgspec.json.decode(body, type=list[str]))


def check_seen(connection: sa.Connection, loop: str, model: str) -> None:
    """Refuse a model that nobody has seen act.

    Raises:
        UnknownModel: the loop has no such model.
        PromotionRefused: it was chosen offline, and no challenge has shown more of it.
    """
    if model_rows.row(connection, loop, model).state == "offline-chosen":
        raise PromotionRefused(
            f"model {model} of loop '{loop}' was chosen offline: nobody has seen it act. Let it prove itself: `policyloop "
            f"challenge {loop} --model {model[:12]}`; or say that you know: `policyloop promote {loop} {model[:12]} --unseen`."
        )


def _name(model: str) -> str:
    return f"offline-choice:{model}"
