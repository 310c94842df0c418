"""Values as Vowpal Wabbit's JSON reads them, and back: what it has no notion of is said in what it has.

Question answered: how is this context or this candidate written so that VW makes features of it? Numbers, short texts and
booleans stay. A text of words is `{"_text": ...}`, which VW takes apart. Texts in an array are counted, `{text: count}`,
since VW refuses them there; other arrays that are not all numbers go by place. Missing values are left out. VW ignores
names that start with `_`, so fields of the loop that do are written with `~` before them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from policyloop.core.loop import Field

_TEXT = "_text"
_ESCAPED = ("_", "~")


def fields_to_vw(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values by name; what a loop with one json field has in it stands there by itself."""
    only = _only_json(fields)
    if only is not None and set(values) == {only}:
        inner: dict[str, Any] = _to_vw(values[only] or {}, None)
        return inner
    written = {name: _to_vw(value, fields.get(name)) for name, value in values.items() if value is not None}
    return {_escaped(name): value for name, value in written.items()}


def fields_from_vw(namespaces: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Values by name, from namespaces side by side.

    A namespace is an object, or an array of objects; what stands between them counts as a value of its own. A loop with one
    json field takes the only namespace as it is, or all of them by name.
    """
    only = _only_json(fields)
    if only is not None:
        spaces = [space for space in namespaces.values() if isinstance(space, dict)]
        return {only: _plain(spaces[0] if len(spaces) == len(namespaces) == 1 else dict(namespaces))}
    found: dict[str, Any] = {}
    for name, space in namespaces.items():
        parts = space if isinstance(space, list) and all(isinstance(part, dict) for part in space) else [space]
        for part in parts:
            found |= part if isinstance(part, dict) and _unescaped(name) not in fields else {name: space}
    named = {_unescaped(name): value for name, value in found.items()}
    return {name: _from_vw(value, fields.get(name)) for name, value in named.items()}


def _only_json(fields: Mapping[str, Field]) -> str | None:
    """The name of the field that takes anything, where it is the only one."""
    return next((name for name, field in fields.items() if field.type == "json" and len(fields) == 1), None)


def _plain(value: Any) -> Any:
    """JSON without the marks of escaped names."""
    if isinstance(value, dict):
        return {_unescaped(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _to_vw(value: Any, field: Field | None) -> Any:
    if field is not None and field.type == "text":
        return {_TEXT: value}
    if isinstance(value, dict):
        inner = {name: _to_vw(one, None) for name, one in value.items() if one is not None and not name.startswith("_")}
        return {_escaped(name): one for name, one in inner.items()}
    if isinstance(value, list):
        return _array_to_vw(value)
    return value


def _array_to_vw(values: list[Any]) -> Any:
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return values
    if all(isinstance(one, str) for one in values):
        return {_escaped(text): count for text, count in Counter(values).items()}
    return {str(place): _to_vw(one, None) for place, one in enumerate(values) if one is not None}


def _from_vw(value: Any, field: Field | None) -> Any:
    if field is None or field.type == "json" or not isinstance(value, dict):
        return _plain(value)
    if field.type == "text" and set(value) == {_TEXT}:
        return value[_TEXT]
    if field.type == "array" and field.items == "category":
        counted = [(_unescaped(text), count) for text, count in value.items() if isinstance(count, int) and count > 0]
        return [text for text, count in counted for _ in range(count)]
    return value


def _escaped(name: str) -> str:
    return f"~{name}" if name.startswith(_ESCAPED) else name


def _unescaped(name: str) -> str:
    return name.removeprefix("~")
