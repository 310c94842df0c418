"""A shadow: what a policy that did not decide alone would have done, kept beside the decision as JSON.

Question answered: which probabilities did each model give before they were mixed, or what would an apprentice have taken?
Two kinds share the column. An apprentice's has `policy` and `pmf`. The others belong to a loop with a challenge or a
hold-out: `champion` is there wherever the decision's own pmf is not the champion's, and `policy`, `pmf` and `challenge`
wherever a challenge runs. Lists over 32 long are base64 text of raw little-endian bytes, for ten bytes a number, not twenty.
"""

from __future__ import annotations

import base64
from typing import Any, Literal

import msgspec

from policyloop.core.event import Floats, pack_floats, unpack_floats

CHAMPION, CHALLENGER, HOLD_OUT = "champion", "challenger", "hold-out"  # the sides of a decision
By = Literal["subject", "episode", "decision"]


class Shadow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What stands in the column."""

    policy: str | None = None  # the challenger's digest, or the apprentice's
    pmf: list[float] | str | None = None  # what it gave
    us: float | None = None  # how long it took, microseconds
    error: str | None = None  # why it gave nothing
    champion: list[float] | str | None = None  # what the champion gave; None: the decision's pmf is that
    champion_us: float | None = None
    challenge: str | None = None  # whose challenge it is
    state: str | None = None  # of that challenge
    by: By | None = None  # what the side was drawn by, where it was drawn before the action; None: after it
    density: dict[str, Any] | None = None  # of actions that are numbers: what `policy` would have drawn them from
    advice: list[float] | None = None  # what a person was advised to do: places of labels first, then numbers
    advice_value: float | None = None  # of numbers: the return that `policy` expects of that, at the least

    @property
    def is_apprentice(self) -> bool:
        """Whether it only watched what another program did."""
        return self.challenge is None and self.champion is None

    @property
    def probabilities(self) -> list[float] | None:
        """What `policy` gave, in the offered order."""
        return _floats(self.pmf)

    @property
    def champion_probabilities(self) -> list[float] | None:
        """What the champion gave, where the decision's own pmf does not say it."""
        return _floats(self.champion)


def packed(pmf: list[float]) -> list[float] | str:
    """Probabilities as they stand in the column."""
    stored = pack_floats(pmf)
    return stored if isinstance(stored, list) else base64.b64encode(stored).decode()


def _floats(stored: list[float] | str | None) -> list[float] | None:
    if stored is None:
        return None
    raw: Floats = base64.b64decode(stored) if isinstance(stored, str) else stored
    return unpack_floats(raw)


read_shadow = msgspec.json.Decoder(Shadow).decode
_encode = msgspec.json.Encoder().encode


def write_shadow(shadow: Shadow) -> str:
    """The column's text."""
    return _encode(shadow).decode()
