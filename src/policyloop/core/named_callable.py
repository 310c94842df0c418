"""A callable by name: `module:function`, the way people name a piece of their own Python in a setting."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policyloop.core.errors import BadSetting, unknown


def callable_of(name: str) -> Callable[..., Any]:
    """The callable; its module may also lie in the folder where one works.

    Args:
        name: such as `room:step`, or `shop.season:step`.

    Raises:
        BadSetting: there is no such module, it fails while it is imported, or it has nothing of that name that can be called.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute.isidentifier():
        raise BadSetting(f"'{name}' names no callable; expected MODULE:FUNCTION, such as room:step.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last, so that a file here never stands in for an installed module
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise _not_imported(module_name, error) from error  # it is there, and something that it imports is not
        raise BadSetting(
            f"'{name}' names a module that is not there; expected {module_name.replace('.', '/')}.py in {here}, or an "
            f"installed module."
        ) from None
    except Exception as error:  # whatever somebody else's module raises is told as theirs
        raise _not_imported(module_name, error) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise BadSetting(unknown(f"callable of module '{module_name}'", attribute, known))
    return found  # type: ignore[no-any-return]


def with_line(error: Exception) -> str:
    """An error of somebody else's code, with the line of it: `ValueError: pump broke (room.py, line 6)`."""
    called = traceback.extract_tb(error.__traceback__)[1:]  # the first is where we called it
    theirs = [frame for frame in called if not frame.filename.startswith("<") and "site-packages" not in frame.filename]
    place = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {error}{place}"


def _not_imported(module: str, error: Exception) -> BadSetting:
    return BadSetting(f"module '{module}' cannot be imported: {with_line(error)}. Mend it, and try again.")
