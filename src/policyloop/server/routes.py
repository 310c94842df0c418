"""The endpoint table as a tree of path parts: which row answers this method on this path?

Rows are gathered from `server/endpoints/*.py` and `interop/protocols/*.py`, each of which lists its own. A path matches
part by part and byte by byte: no trailing slash, no `//`, no `%2e`, no other case means the same; only parameters are
percent-decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from policyloop.core import plugins
from policyloop.core.endpoint import Endpoint
from policyloop.core.request_errors import NoSuchPath

FAMILIES = ("policyloop.server.endpoints", "policyloop.interop.protocols")
_MAX_REMEMBERED = 1000
_MAX_REMEMBERED_BYTES = 256


def gather() -> tuple[Endpoint, ...]:
    """Every row of every file of both families, in the order of the file names."""
    return tuple(row for family in FAMILIES for name in plugins.names(family) for row in plugins.load(family, name).ENDPOINTS)


@dataclass(slots=True)
class _Node:
    """What can follow after some parts of a path, and the rows of the path that ends here."""

    next: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rows: dict[str, Endpoint] = field(default_factory=dict)
    names: tuple[str, ...] = ()  # of the parameters on the way here


class Routes:
    """The table, made ready for look-up."""

    def __init__(self, rows: Iterable[Endpoint]) -> None:
        self.rows = tuple(rows)
        self._root = _Node()
        self._found: dict[bytes, tuple[Mapping[str, Endpoint], dict[str, str]]] = {}  # of paths that were asked for before
        for row in self.rows:
            self._add(row)

    def find(self, path: bytes) -> tuple[Mapping[str, Endpoint], dict[str, str]]:
        """The rows of a path by method, and its parameters; neither may be changed.

        Args:
            path: as it stands in the request, before percent-decoding.

        Raises:
            NoSuchPath: no row has that path.
        """
        found = self._found.get(path)
        if found is None:
            found = self._search(path.decode("latin-1"))
            if len(self._found) < _MAX_REMEMBERED and len(path) < _MAX_REMEMBERED_BYTES:
                self._found[path] = found
        return found

    def _search(self, path: str) -> tuple[Mapping[str, Endpoint], dict[str, str]]:
        node: _Node = self._root
        values: list[str] = []
        for part in path.split("/"):
            following = node.next.get(part)
            if following is None:
                following = node.parameter
                if following is None or not part:
                    raise NoSuchPath
                values.append(part)
            node = following
        if not node.rows:
            raise NoSuchPath
        return node.rows, {n: unquote(v) if "%" in v else v for n, v in zip(node.names, values, strict=True)}

    def _add(self, row: Endpoint) -> None:
        node = self._root
        names: list[str] = []
        for part in row.path.split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.next.setdefault(part, _Node())
        assert row.method not in node.rows, f"two rows for {row.method} {row.path}"
        node.rows[row.method] = row
        node.names = tuple(names)


def methods_of(rows: Mapping[str, Endpoint]) -> Sequence[str]:
    """What a path answers, HEAD and OPTIONS included."""
    return sorted({*rows, "OPTIONS", *(["HEAD"] if "GET" in rows else [])})
