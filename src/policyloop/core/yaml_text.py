"""YAML as Policyloop reads it: data only, bounded, and without the surprises of YAML 1.1.

Plain scalars are numbers, booleans, nulls or text; dates and base-60 numbers stay text, `1e-3` is a number, a key
that stands twice is an error, and so are anchors, aliases and tags: they serve nobody here and can grow without bound.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from policyloop.core.errors import Fault, Invalid

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 20

_BOOLEAN = re.compile(r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$")
_NUMBER_START = list("-+.0123456789")


class _Loader(yaml.SafeLoader):
    """Safe YAML with bounded nesting and no references."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(problem="anchors (&) and aliases (*) are not used here", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem=f"the tag {event.tag} is not used here", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a plain name", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("yYnNtTfFoO"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), _NUMBER_START)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
    _NUMBER_START,
)


def read_yaml(text: str, *, subject: str = "the file") -> Any:
    """The data that a YAML text holds: mappings, lists, text, numbers, booleans, None.

    Raises:
        Invalid: the text is too long, is no YAML, or uses what is listed above; with line and column.
    """
    if len(text) > MAX_CHARACTERS:
        raise Invalid([Fault(subject, f"has {len(text):,} characters; expected at most {MAX_CHARACTERS:,}.", "too_large")])
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else subject
        context = f" ({error.context})" if error.context else ""
        raise Invalid([Fault(where, f"{error.problem}{context}.", "bad_yaml")], subject=subject) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an integer of thousands of digits
        raise Invalid([Fault(subject, f"is not YAML: {error}", "bad_yaml")], subject=subject) from None
