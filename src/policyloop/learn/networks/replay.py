"""Replay: room for transitions that come while a learner learns; when it is full, the newest take the places of the oldest.

Question answered: where does what was just played go, and which rows give way?
The room is taken once, so that nothing is compiled again as it fills.
Letters: n rows, m rows that come.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from policyloop.learn.networks.rows import Rows


def with_room(rows: Rows, room: int) -> Rows:
    """The rows, and empty places after them."""
    return Rows(*(jnp.concatenate([column, jnp.zeros((room - rows.n, *column.shape[1:]), column.dtype)]) for column in rows))


def put(rows: Rows, new: Rows, *, n_before: int) -> Rows:
    """Rows that come after `n_before` others, each in its place; of more than there is room for, the last."""
    room = rows.n
    first = max(new.n - room, 0)
    places = np.arange(n_before + first, n_before + new.n) % room
    return Rows(*(column.at[places].set(more[first:]) for column, more in zip(rows, new, strict=True)))
