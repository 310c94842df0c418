"""Trials: what the log says of challenges and hold-outs, as columns beside the examples.

Question answered: what did champion and challenger each say of these decisions, and whose were they?
An apprentice's shadow is no trial: it watched what another program did. Where the log does not repeat the champion's
probabilities, they are the decision's own. Reading costs nothing where no row has a mixture or a shadow.
Letters: n examples, k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.example import Trial
from policyloop.core.model import BASELINE
from policyloop.core.shadow import CHAMPION, Shadow, read_shadow

COLUMNS = ("mixture", "side", "subject", "episode_id", "shadow")
_LISTS = pa.list_(pa.float64())
_NOTHING = Shadow()


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What n rows tell, with probabilities in the order that was offered to each."""

    challenger_pmf: pa.ChunkedArray  # n lists; null where it gave nothing
    champion_pmf: pa.ChunkedArray  # n lists; null for rows of no trial
    columns: dict[str, NDArray[Any]]  # the other columns of `Trial`

    def trial(self, *, challenger_pmf: NDArray[np.float64], champion_pmf: NDArray[np.float64]) -> Trial:
        """The trial, given the probabilities as (n, k) arrays."""
        return Trial(challenger_pmf=challenger_pmf, champion_pmf=champion_pmf, **self.columns)


def told_of_trials(rows: pa.Table) -> Told | None:
    """What rows of the table `examples` tell of trials; None when none of them was in one."""
    if rows["mixture"].null_count == len(rows) and rows["shadow"].null_count == len(rows):
        return None
    shadows = [_NOTHING if text is None else read_shadow(text) for text in rows["shadow"].to_pylist()]
    is_mixed = pc.is_valid(rows["mixture"]).to_numpy().astype(bool)
    is_in_trial = is_mixed | np.array([not shadow.is_apprentice for shadow in shadows], dtype=bool)
    if not is_in_trial.any():
        return None
    has_challenge = np.array([shadow.challenge is not None for shadow in shadows], dtype=bool)
    own = pc.list_element(rows["pmf"], 0)
    logged = pa.chunked_array([pa.array([shadow.champion_probabilities for shadow in shadows], _LISTS)])
    champion = pc.if_else(pa.array(is_in_trial), pc.coalesce(logged, own.cast(_LISTS)), pa.scalar(None, _LISTS))
    its = pa.array([s.probabilities if has else None for s, has in zip(shadows, has_challenge, strict=True)], _LISTS)
    side = pc.fill_null(rows["side"], "").to_numpy().astype(object)
    side[is_in_trial & (side == "")] = CHAMPION  # where it alone could decide, the log names no side
    columns = {
        **_parts(rows, is_in_trial),
        "side": side,
        "subject": pc.fill_null(rows["subject"], "").to_numpy().astype(object),
        "unit": _units(rows, shadows),
        "challenge": _texts([shadow.challenge for shadow in shadows]),
        "state": _texts([shadow.state for shadow in shadows]),
        "challenger": np.where(has_challenge, _texts([shadow.policy for shadow in shadows]), ""),
        "challenger_us": _floats([s.us if has else None for s, has in zip(shadows, has_challenge, strict=True)]),
        "champion_us": _floats([shadow.champion_us for shadow in shadows]),
        "is_broken": np.array([shadow.error is not None for shadow in shadows], dtype=bool),
    }
    return Told(pa.chunked_array([its]), pa.chunked_array(champion), columns)


def _parts(rows: pa.Table, is_in_trial: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The champion and the shares of the others: the champion stands first in a mixture, and alone where there is none."""
    n = rows.num_rows
    champion = np.where(is_in_trial, rows["policy"].to_numpy().astype(object), "")
    share, hold_out = np.zeros(n), np.zeros(n)
    mixtures = rows["mixture"].combine_chunks()
    row = pc.list_parent_indices(mixtures).to_numpy()
    parts = pc.list_flatten(mixtures)
    policy = pc.struct_field(parts, "policy").to_numpy(zero_copy_only=False)
    of = pc.struct_field(parts, "share").to_numpy(zero_copy_only=False)
    is_first = np.diff(row, prepend=-1) != 0
    champion[row[is_first]] = policy[is_first]
    is_held, is_challenger = ~is_first & (policy == BASELINE), ~is_first & (policy != BASELINE)
    hold_out[row[is_held]] = of[is_held]
    share[row[is_challenger]] = of[is_challenger]
    return {"champion": champion, "share": share, "hold_out": hold_out}


def _units(rows: pa.Table, shadows: Sequence[Shadow]) -> NDArray[np.object_]:
    """What each side was drawn by, where that is more than the decision."""
    of = {"subject": rows["subject"].to_pylist(), "episode": rows["episode_id"].to_pylist()}
    return _texts([of[shadow.by][i] if shadow.by in of else None for i, shadow in enumerate(shadows)])


def _texts(values: Sequence[str | None]) -> NDArray[np.object_]:
    return np.array([value or "" for value in values], dtype=object)


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
