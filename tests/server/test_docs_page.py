"""The page at /docs: nothing on it can run or load, and everything on it is escaped."""

import base64
import hashlib
import re

from policyloop.server.docs_page import docs_page


def test_the_page_lists_every_operation(served):
    page = served.get("/docs").body.decode()
    paths = served.get("/openapi.json").json["paths"]

    assert all(f"<code>{path}</code>" in page for path in paths)


def test_only_its_own_style_sheet_may_be_used(served):
    answer = served.get("/docs")
    page = answer.body.decode()
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (allowed,) = re.findall(r"style-src 'sha256-([^']+)'", answer.headers["content-security-policy"])

    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() == allowed
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script|src=|style=|on\w+=|https?://", page)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_a_spec_says_cannot_become_markup():
    evil = '<script>alert(1)</script>" onload="x'
    document = {
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {
            f"/{evil}": {
                "get": {
                    "summary": evil,
                    "tags": [evil],
                    "parameters": [{"name": evil, "in": "query", "description": evil}],
                    "requestBody": {"content": {evil: {"schema": {"$ref": f"#/components/schemas/{evil}"}}}},
                    "responses": {"200": {"description": evil, "content": {evil: {"schema": {"type": evil}}}}},
                }
            }
        },
        "components": {"schemas": {evil: {"enum": [evil]}}},
    }

    page = docs_page(document).decode()

    assert "<script" not in page
    assert '" onload=' not in page.replace('\\" onload=', "")
