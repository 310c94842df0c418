"""Which settings a plug-in takes, read from its `create` without importing it.

A setting is a keyword-only argument with a default; arguments without one are handed in by whoever makes the plug-in.
A family may have plug-ins for two jobs, each with a function of its own: `create` and, say, `create_challenge`.
"""

from __future__ import annotations

import ast
from functools import cache

from policyloop.core import plugins

# Other sections of the spec say them, though they have a default.
HANDED_IN = frozenset({"half_life_s", "reward_default", "needs", "n_replicates", "reward_range"})


@cache
def settings_of(family: str, name: str, maker: str = "create") -> tuple[str, ...] | None:
    """Names of the settings of one of our plug-ins, in order; None for plug-ins of other packages.

    Args:
        maker: the function that makes the plug-in; one that the file does not have takes no settings.
    """
    if plugins.file_name(name) not in plugins.ours(family):
        return None
    made_by = _makers_of(family, name).get(maker)
    if made_by is None:
        return ()
    pairs = zip(made_by.args.kwonlyargs, made_by.args.kw_defaults, strict=True)
    return tuple(arg.arg for arg, default in pairs if default is not None and arg.arg not in HANDED_IN)


@cache
def names_with(family: str, maker: str) -> tuple[str, ...]:
    """Names of the plug-ins that have a function; those of other packages are taken to have it."""
    return tuple(n for n in plugins.names(family) if n not in plugins.ours(family) or maker in _makers_of(family, n))


@cache
def _makers_of(family: str, name: str) -> dict[str, ast.FunctionDef]:
    """The functions of a plug-in's file, by name."""
    file = plugins.folder_of(family) / f"{plugins.file_name(name)}.py"
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {statement.name: statement for statement in body if isinstance(statement, ast.FunctionDef)}
