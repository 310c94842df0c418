"""The page at /docs: every operation of the OpenAPI document on one page, without a script, a font or a picture from anywhere.

Question answered: what can I call, with what, and what comes back? Everything shown is escaped; the one style sheet is
allowed by its hash, and nothing else may load or run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #d0d7de; }
details { border: 1px solid #d0d7de; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f6f8fa; padding: .6rem; overflow-x: auto; } .method { display: inline-block; width: 4rem; font-weight: 700; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs_page(document: dict[str, Any]) -> bytes:
    """The page of an OpenAPI document, grouped by its tags."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = [f"<h2>{escape(tag)}</h2>\n{''.join(items)}" for tag, items in by_tag.items()]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    info = document["info"]
    page = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(info["title"])}</title><style>{_STYLE}</style></head>
<body>
<h1>{escape(info["title"])} {escape(info["version"])}</h1>
<p>{escape(info["description"])} For machines: <a href="/openapi.json">/openapi.json</a>.</p>
{"".join(sections)}
<h2>Schemas</h2>
{"".join(schemas)}
</body>
</html>
"""
    return page.encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    return (
        f'<details><summary><span class="method">{escape(method.upper())}</span><code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>\n{''.join(_parts(operation))}</details>\n"
    )


def _parts(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation["parameters"]:
        about = parameter.get("description", "part of the path")
        yield f"<p><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}): {escape(about)}</p>\n"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{escape(media_type)}</code>: {_named(content['schema'])}</p>\n"
    for status, response in operation["responses"].items():
        kinds = ", ".join(_named(content["schema"]) for content in response.get("content", {}).values())
        yield f"<p><code>{escape(status)}</code> {escape(response['description'])} {kinds}</p>\n"


def _named(schema: dict[str, Any]) -> str:
    """A link to a schema, or the schema itself when it has no name."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_named(part) for part in schema["anyOf"])
    if "items" in schema and isinstance(schema["items"], dict):
        return f"list of {_named(schema['items'])}"
    return f"<code>{escape(str(schema.get('type', 'anything')))}</code>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{escape(text)}</pre></details>\n'
