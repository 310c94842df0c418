"""What tests of the Improve track protocol share: a loop that takes any item, ids made at a given time, and the fixtures."""

from pathlib import Path
from typing import Any

import pytest

from policyloop.core.clock import US_PER_S
from policyloop.interop.ksuid import made_at

TRACK = "/v1/compat/improve/track"
DATA = Path(__file__).parents[2] / "shared" / "data" / "track_protocol"
DECISION = "2I2MR4toRgTZnCuwVRuIHeNZGVX"  # made in November 2022
REWARD = "2I2MRFFDSlWu0NUemxSrBEIi9C7"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
THEMES: dict[str, Any] = {
    "loop": "themes",
    "aliases": ["appconfig"],
    "context": {"given": {"type": "json", "optional": True}},
    "actions": {"kind": "candidates"},
    "outcomes": {"reward": {"type": "number"}},
    "reward": {"expression": "reward", "range": [0, 1000], "window": "1s"},
    "baseline": "first",
}

needs_fixtures = pytest.mark.skipif(not DATA.is_dir(), reason="the protocol's fixtures lie in ../shared, which is not here")


def ksuid(at_us: int, n: int = 0) -> str:
    """The n-th id made in that second."""
    number = ((at_us // US_PER_S - 1_400_000_000) << 128) + n
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    made = text.rjust(27, "0")
    assert made_at(made) == at_us // US_PER_S * US_PER_S
    return made


def decision(**changes: Any) -> dict[str, Any]:
    """A decision record; keys given as `...` are left out."""
    record = {"message_id": DECISION, "model": "appconfig", "item": 0, "count": 50, "sample": 4, "context": {"page": 7}}
    return {key: value for key, value in (record | changes).items() if value is not ...}


def reward(**changes: Any) -> dict[str, Any]:
    """A reward record of that decision."""
    return {"message_id": REWARD, "model": "appconfig", "decision_id": DECISION, "reward": 100} | changes
