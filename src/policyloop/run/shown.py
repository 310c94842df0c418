"""How results show in a notebook: a little HTML, made of escaped text alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_LEFT, _RIGHT = (f' style="text-align: {side}"' for side in ("left", "right"))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers stand on the right, and cells that are None are empty."""
    head = "".join(f"<th{_LEFT}>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(title: str, said: Mapping[str, object]) -> str:
    """A title, and names with what is to be said of them."""
    rows = "".join(f"<tr><th{_LEFT}>{escape(name)}</th>{_cell(value)}</tr>" for name, value in said.items())
    return f"<strong>{escape(title)}</strong><table><tbody>{rows}</tbody></table>"


def paragraph(text: str) -> str:
    """A sentence."""
    return f"<p>{escape(text)}</p>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"<td{_RIGHT}>{value:,.4f}</td>"
    if isinstance(value, int):
        return f"<td{_RIGHT}>{value:,}</td>"
    return f"<td{_LEFT}>{'' if value is None else escape(str(value))}</td>"
