"""OpenAPI 3.1 from the endpoint table and the specs of the loops.

Question answered: what may be asked, with which bodies, and what comes back? Every row is an operation; a row whose path
has a `{loop}` and whose body or answer depends on the loop stands there once more for each loop, with the loop's own
schemas, so that generated clients are typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from policyloop.core.endpoint import JSON, Endpoint
from policyloop.core.loop import LoopSpec
from policyloop.core.wire import DecideAnswer, DecideRequest, OutcomeRequest, Problem
from policyloop.server.loop_schema import Schema, typed
from policyloop.server.problem import PROBLEM_JSON

_REFERENCE = "#/components/schemas/{name}"
_PER_LOOP = (DecideRequest, OutcomeRequest, DecideAnswer)  # types whose schema each loop makes narrower
_ANY_ROW = (400, 403, 500)  # problems that any row may answer
_WITH_BODY = (413, 415)
_TITLES = {
    400: "The request does not fit.",
    403: "A foreign host or origin.",
    404: "No such loop, model or path.",
    409: "It contradicts what holds.",
    413: "The body is too large.",
    415: "The body is of another type, or compressed.",
    500: "A mistake of the server.",
    503: "Nothing was acknowledged; send it again.",
}


def openapi(rows: Sequence[Endpoint], specs: Iterable[LoopSpec], *, version: str) -> Schema:
    """The document.

    Args:
        version: of policyloop.
    """
    types = [t for row in rows for t in (row.request, row.answer, row.error) if t is not None and t is not bytes]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REFERENCE)
    known = {bytes: {"type": "string"}, **dict(zip([*types, Problem], schemas, strict=True))}
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, _id(row), known)
    for spec in specs:
        for row in rows:
            if _is_per_loop(row):
                _add_for_loop(row, spec, known, components, paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Policyloop",
            "version": version,
            "description": "Decisions, their outcomes, and what is learned from them. Of duplicate keys in one JSON object "
            "the last counts. Times are RFC 3339 in UTC.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _add_for_loop(
    row: Endpoint, spec: LoopSpec, known: Mapping[Any, Schema], components: dict[str, Any], paths: dict[str, dict[str, Any]]
) -> None:
    """The row once more for one loop, with the loop's own schemas."""
    narrowed = dict(known)
    for kind in (row.request, row.answer):
        for member in [t for t in _PER_LOOP if t is kind or t in get_args(kind)]:
            name = f"{member.__name__}.{spec.loop}"
            components[name] = typed(spec, components[member.__name__])
            one = {"$ref": _REFERENCE.format(name=name)}
            narrowed[kind] = one if member is kind else {"anyOf": [one, {"type": "array", "items": one}]}
    operation = _operation(row, f"{_id(row)}.{spec.loop}", narrowed)
    operation["tags"] = [spec.loop]
    operation["parameters"] = [p for p in operation["parameters"] if p["in"] != "path"]
    paths.setdefault(row.path.replace("{loop}", spec.loop), {})[row.method.lower()] = operation


def _is_per_loop(row: Endpoint) -> bool:
    kinds = {row.request, row.answer, *get_args(row.request)}
    return "{loop}" in row.path and bool(kinds & set(_PER_LOOP))


def _operation(row: Endpoint, operation_id: str, known: Mapping[Any, Schema]) -> dict[str, Any]:
    statuses = sorted({*_ANY_ROW, *row.errors, *(_WITH_BODY if row.method != "GET" else ())})
    problem = {PROBLEM_JSON.decode(): {"schema": known[Problem]}}
    if row.refuse is not None:
        problem = {JSON.decode(): {"schema": {} if row.error is None else known[row.error]}}
    content = {} if row.answer is None else {row.media_type.decode(): {"schema": known[row.answer]}}
    responses: dict[str, Any] = {str(row.status): {"description": row.summary, "content": content}}
    responses |= {str(status): {"description": _TITLES[status], "content": problem} for status in statuses}
    operation: dict[str, Any] = {
        "operationId": operation_id,
        "summary": row.summary,
        "tags": [row.scope],
        "parameters": [*_path_parameters(row), *_query_parameters(row.query)],
        "responses": responses,
    }
    if row.request is not None:
        content = {t.decode(): {"schema": known[row.request] if t == JSON else {"type": "string"}} for t in row.content_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(row: Endpoint) -> list[Schema]:
    names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(query: Mapping[str, str]) -> list[Schema]:
    return [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": about}
        for name, about in query.items()
    ]


def _id(row: Endpoint) -> str:
    """`post_loops_loop_decide`: stable as long as the path is."""
    parts = [part.strip("{}").replace(".", "_") for part in row.path.split("/") if part and part != "v1"]
    return "_".join([row.method.lower(), *parts])
