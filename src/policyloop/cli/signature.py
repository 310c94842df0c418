"""What a command may be told, read from its file without importing what the command works with.

Question answered: which arguments and options are there, and what do they mean? `--help` and a mistyped option are answered
from that alone; tables, servers and number crunching are imported when the command runs. Of the file, only what the
signatures of its commands name is executed, and each command's body is left out.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import CodeType, ModuleType
from typing import Any

from policyloop.core import plugins

_WHEN_RUN = "_when_run"


def signature_module(family: str, name: str) -> ModuleType:
    """A module with the commands of a file; to run one imports the file itself.

    Args:
        family: the folder of the commands, dotted.
        name: the file's, which is one of ours.
    """
    loader = _SignatureLoader(f"{family}.{name}", str(plugins.folder_of(family) / f"{name}.py"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None, name
    module = module_from_spec(spec)
    vars(module)[_WHEN_RUN] = functools.partial(_when_run, family, name)
    loader.exec_module(module)
    return module


def _when_run(family: str, name: str, signature: Callable[..., Any]) -> Callable[..., Any]:
    """A function of that signature which runs the file's own."""

    @functools.wraps(signature)
    def run(*args: Any, **kwargs: Any) -> Any:
        return getattr(plugins.load(family, name), signature.__name__)(*args, **kwargs)

    return run


class _SignatureLoader(SourceFileLoader):
    """Compiles signatures alone, and leaves Python's cache of whole modules as it is."""

    def get_code(self, fullname: str) -> CodeType:
        whole = ast.parse(self.get_data(self.path))
        return compile(ast.Module(_signatures(whole.body), []), self.path, "exec", dont_inherit=True)


def _signatures(whole: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements of a command's file that say what it may be told, in their order."""
    statements = [_without_body(one) if _is_command(one) else one for one in whole]
    binds = {name: one for one in statements for name in _bound_by(one)}
    wanted = [one for one in statements if _is_command(one) or _is_for_the_compiler(one)]
    for one in wanted:  # grows while it is gone through
        named = (binds.get(node.id) for node in ast.walk(one) if isinstance(node, ast.Name))
        wanted += [statement for statement in dict.fromkeys(named) if statement is not None and statement not in wanted]
    return [one for one in statements if one in wanted]


def _is_command(one: ast.stmt) -> bool:
    """The function `run`, or one that is added to an `app`."""
    return isinstance(one, ast.FunctionDef) and (one.name == "run" or bool(one.decorator_list))


def _is_for_the_compiler(one: ast.stmt) -> bool:
    """The docstring, or an import from `__future__`."""
    return isinstance(one, ast.Expr) or (isinstance(one, ast.ImportFrom) and one.module == "__future__")


def _without_body(one: ast.stmt) -> ast.stmt:
    """The same function with its docstring alone, which when called runs the file's own; one that has no more stays."""
    assert isinstance(one, ast.FunctionDef)
    if len(one.body) > 1:
        one.body = one.body[:1]
        one.decorator_list.append(ast.copy_location(ast.Name(_WHEN_RUN, ast.Load()), one))
    return one


def _bound_by(one: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value."""
    if isinstance(one, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.split(".")[0] for alias in one.names)
    elif isinstance(one, ast.FunctionDef | ast.ClassDef):
        yield one.name
    else:
        yield from (node.id for node in ast.walk(one) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
