"""Docs: what can be called, for machines and for people; with the contexts and outcomes of the loops that are applied."""

from __future__ import annotations

import asyncio

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.server.docs_page import CONTENT_SECURITY_POLICY, docs_page
from policyloop.server.openapi import openapi
from policyloop.server.service import Service

HTML = b"text/html; charset=utf-8"
_SAFE = ((b"content-security-policy", CONTENT_SECURITY_POLICY.encode()), (b"referrer-policy", b"no-referrer"))


async def openapi_json(service: Service, call: Call) -> Reply:
    """The document as it is now."""
    return Reply(200, await asyncio.to_thread(lambda: msgspec.json.encode(_document(service))))


async def docs(service: Service, call: Call) -> Reply:
    """The same for people."""
    return Reply(200, await asyncio.to_thread(lambda: docs_page(_document(service))), HTML, _SAFE)


def _document(service: Service) -> dict[str, object]:
    return openapi(service.rows, [checks.spec for checks in service.checks().values()], version=service.version)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/openapi.json",
        scope="public",
        handler=openapi_json,
        summary="This document: OpenAPI 3.1 of everything that answers, typed for each loop.",
        answer=dict,
    ),
    Endpoint(
        method="GET",
        path="/docs",
        scope="public",
        handler=docs,
        summary="The same as one page for people.",
        answer=bytes,
        media_type=HTML,
    ),
)
