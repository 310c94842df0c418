"""Settings on a command line: `columns=8`, `actions=[left, right]`; a value is read as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from policyloop.core.errors import Fault, Invalid


def read_pairs(pairs: Sequence[str], *, option: str = "--set") -> dict[str, Any]:
    """The settings by name; of one that is given twice the last holds.

    Raises:
        Invalid: something is no `NAME=VALUE`, or its value is no YAML.
    """
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for pair in pairs:
        name, is_pair, text = pair.partition("=")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            is_pair = ""
        if not is_pair or not name.isidentifier():
            faults.append(Fault(option, f"is '{pair}'; expected NAME=VALUE, such as columns=8 or actions='[left, right]'."))
        else:
            found[name] = value
    if faults:
        raise Invalid(faults, subject="the settings")
    return found
