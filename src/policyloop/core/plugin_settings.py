"""Which settings a plug-in takes and what it says of itself, read from its file without importing it.

A setting is a keyword-only argument of `create` with a default; arguments without one are handed in by whoever makes the
plug-in.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from policyloop.core import plugins

# Other sections of the spec say them, though they have a default.
HANDED_IN = frozenset({"half_life_s", "reward_default", "needs", "n_draws_kept"})


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


@cache
def constant_of(family: str, name: str, constant: str) -> Any:
    """A literal that one of our plug-ins names at the top of its file; None where it has no such, or is another package's."""
    if plugins.file_name(name) not in plugins.ours(family):
        return None
    file = plugins.folder_of(family) / f"{plugins.file_name(name)}.py"
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and any(isinstance(t, ast.Name) and t.id == constant for t in statement.targets):
            return ast.literal_eval(statement.value)
    return None
