"""Which settings a plug-in takes, read from its `create` without importing it.

A setting is a keyword-only argument with a default; arguments without one are handed in by whoever makes the plug-in.
"""

from __future__ import annotations

import ast
from functools import cache

from policyloop.core import plugins

# Other sections of the spec say them, though they have a default.
HANDED_IN = frozenset({"half_life_s", "reward_default", "needs", "n_replicates", "reward_range"})


@cache
def settings_of(family: str, name: str) -> tuple[str, ...] | None:
    """Names of the settings of one of our plug-ins, in order; None for plug-ins of other packages."""
    if plugins.file_name(name) not in plugins.ours(family):
        return None
    file = plugins.folder_of(family) / f"{plugins.file_name(name)}.py"
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "create":
            pairs = zip(statement.args.kwonlyargs, statement.args.kw_defaults, strict=True)
            return tuple(arg.arg for arg, default in pairs if default is not None and arg.arg not in HANDED_IN)
    return ()
