"""What every row of the endpoint table promises. A new row is tested here without an edit.

Each path is asked with every method, from foreign hosts and pages, with bodies of other types: it answers as documented.
"""

import re

import pytest

from policyloop.core.endpoint import Endpoint
from policyloop.interop.personalizer.loop_file import LOOP as LOOP_OF_CANDIDATES
from policyloop.server.openapi import openapi
from policyloop.server.routes import gather
from running_app import apply_loop, running_app

ROWS = gather()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")
BODY_OF_TYPE = {  # a body that fits each request type of the table; a new type needs a line
    "DecideRequest": b'{"context": {"hour": 1, "device": "phone"}}',
    "OutcomeRequest": b'{"decision_id": "d", "outcomes": {"clicked": true}}',
    "ActivateRequest": b'{"decision_id": "d"}',
    "TrackedDecision": b'[{"type": "activation", "loop": "front-page", "decision_id": "d"}]',
    "PromoteRequest": b'{"model": "0123"}',
    "RollbackRequest": b"{}",
    "RunRequest": b"{}",
    "PredictRequest": b'{"inputs": [[0.1, 0.2]]}',
    "ChallengeRequest": b'{"recipe": {"learner": "boosted"}}',
    "WordRequest": b"{}",
    "RegisterActionsRequest": b'{"actions": [{"id": "a"}, {"id": "b"}]}',
    "RankBody": b'{"actions": [{"id": "a", "features": [{"x": 1}]}, {"id": "b", "features": [{"x": 2}]}]}',
    "RewardRequest": b'{"value": 1}',
    "MultiSlotBody": b"{}",
    "ServiceConfiguration": b'{"rewardWaitTime": "PT10M", "defaultReward": 0, "rewardAggregation": "earliest",'
    b'"explorationPercentage": 0.2, "modelExportFrequency": "PT5M", "logRetentionDays": 90}',
    "PolicyContract": b'{"name": "mine", "arguments": "--cb_explore_adf"}',
    "FromEvaluation": b'{"evaluationId": "e", "policyName": "Online"}',
    "EvaluationContract": b'{"name": "e", "startTime": "2026-01-01", "endTime": "2026-01-02", "policies": []}',
    "bytes": b"no model",
    "ImproveRecord": b'{"message_id": "2I2MRFFDSlWu0NUemxSrBEIi9C7", "model": "home", "decision_id": "d", "reward": 1}',
}


def name_of(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


def path_of(row: Endpoint) -> str:
    loop = "shelf" if "/personalizer/" in row.path or row.path.endswith("/action-sets") else "front-page"
    path = row.path.replace("{loop}", loop).replace("{version}", "v1.0")
    return re.sub(r"\{\w+\}", "0123", path)


def body_of(row: Endpoint) -> bytes:
    if row.request is None:
        return b""
    (name,) = [name for name in BODY_OF_TYPE if name in str(row.request)][:1]
    return BODY_OF_TYPE[name]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The application with a loop of labels and one of candidates."""
    folder = tmp_path_factory.mktemp("every-row")
    apply_loop(folder)
    apply_loop(folder, loop="shelf", **LOOP_OF_CANDIDATES, aliases=["personalizer"])
    with running_app(folder) as app:
        yield app


@pytest.fixture(scope="module")
def document(served):
    return served.get("/openapi.json").json


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_good_request_is_answered_as_documented(served, document, row):
    come_as = {"content-type": row.content_types[0].decode()} if row.content_types else {}
    answer = served.ask(row.method, path_of(row), body_of(row), come_as)

    documented = document["paths"][row.path][row.method.lower()]["responses"]
    assert str(answer.status) in documented
    assert answer.status == row.status or answer.status in row.errors
    media_types = documented[str(answer.status)]["content"]
    if answer.status == 204:
        assert (media_types, answer.body) == ({}, b"")
        assert {"content-type", "content-length"} & set(answer.headers) == set()
    else:
        assert base_of(answer.headers["content-type"]) in {base_of(media_type) for media_type in media_types}
        assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", sorted({row.path for row in ROWS}))
def test_each_method_is_answered_or_refused_with_those_that_are(served, path, method):
    rows = [row for row in ROWS if row.path == path]
    allowed = {row.method for row in rows} | {"OPTIONS"} | ({"HEAD"} if "GET" in {row.method for row in rows} else set())
    answer = served.ask(method, path_of(rows[0]))

    assert answer.status < 500
    if method == "OPTIONS":
        assert (answer.status, answer.headers["allow"]) == (200, ", ".join(sorted(allowed)))
    elif method in allowed:
        assert answer.status != 405
    else:
        assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == ", ".join(sorted(allowed))


def base_of(media_type):
    return media_type.partition(";")[0]


def code_of(row, answer):
    """What a problem says; a protocol's own shape is not looked into."""
    return answer.json["code"] if row.refuse is None else None


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_foreign_host_or_page_is_refused(served, row):
    host = served.ask(row.method, path_of(row), body_of(row), {"host": "evil.example"})
    page = served.ask(row.method, path_of(row), body_of(row), {"origin": "https://evil.example"})

    assert (host.status, code_of(row, host)) in ((403, "foreign_host"), (403, None))
    assert row.cors or (page.status, code_of(row, page)) == (403, None if row.refuse else "foreign_origin")


@pytest.mark.parametrize("row", [r for r in ROWS if r.method != "GET" and not r.any_content_type], ids=name_of)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_write_must_come_as_what_pages_cannot_send_unasked(served, row, content_type):
    answer = served.ask(row.method, path_of(row), body_of(row), {"content-type": content_type})

    assert (answer.status, code_of(row, answer)) == (415, None if row.refuse else "wrong_content_type")


@pytest.mark.parametrize("row", ROWS, ids=name_of)
@pytest.mark.parametrize("change", [lambda p: p + "/", lambda p: "/" + p, str.upper, lambda p: p.replace("/", "/%2e/", 1)])
def test_what_is_almost_its_path_is_no_path(served, row, change):
    answer = served.ask(row.method, change(path_of(row)), body_of(row))

    assert (answer.status, answer.json["code"]) == (404, "no_such_path")


@pytest.mark.parametrize("row", ROWS, ids=name_of)
@pytest.mark.parametrize(
    "header", ["x-http-method-override", "x-forwarded-host", "x-forwarded-for", "x-original-url", "forwarded"]
)
def test_headers_of_proxies_change_nothing(served, row, header):
    plain = served.ask("PATCH", path_of(row), b"")
    told = served.ask("PATCH", path_of(row), b"", {header: "GET"})

    assert plain.status == told.status == 405


def test_a_websocket_is_refused(served):
    said = []

    async def connect():
        async def send(message):
            said.append(message)

        await served.app({"type": "websocket", "path": "/v1/loops"}, None, send)

    served.runner.run(connect())

    assert said == [{"type": "websocket.close", "code": 1000}]


def test_the_document_has_every_row_and_says_so_for_each_loop(document):
    operations = {(method.upper(), path) for path, found in document["paths"].items() for method in found}
    ids = [operation["operationId"] for found in document["paths"].values() for operation in found.values()]

    assert {(row.method, row.path) for row in ROWS} <= operations
    assert ("POST", "/v1/loops/front-page/decide") in operations
    assert ("POST", "/v1/loops/front-page/outcomes") in operations
    assert len(set(ids)) == len(ids)


def test_every_reference_of_the_document_leads_somewhere_and_every_parameter_is_in_the_path(document):
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')))

    assert document["openapi"] == "3.1.0"
    assert references <= set(document["components"]["schemas"])
    for path, found in document["paths"].items():
        for operation in found.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert set(operation) <= {"operationId", "summary", "tags", "parameters", "requestBody", "responses"}
            assert all(response["description"] for response in operation["responses"].values())


def test_the_loops_own_operations_are_typed(document):
    schemas = document["components"]["schemas"]
    context = schemas["DecideRequest.front-page"]["properties"]["context"]

    assert list(context["properties"]) == ["hour", "device", "note"]
    assert context["properties"]["hour"] | {"description": ""} == {
        "type": "integer",
        "minimum": 0,
        "maximum": 23,
        "description": "",
    }
    assert context["properties"]["device"]["enum"] == ["phone", "tablet", "desktop"]
    assert context["properties"]["note"]["type"] == ["string", "null"]
    assert context["required"] == ["hour", "device"]
    assert schemas["DecideAnswer.front-page"]["properties"]["action"]["enum"] == ["calm", "bold", "playful"]
    assert schemas["OutcomeRequest.front-page"]["properties"]["outcomes"]["properties"]["dwell_s"]["minimum"] == 0


def test_without_loops_the_document_is_whole_too():
    document = openapi(ROWS, [], version="1")

    assert all("front-page" not in path for path in document["paths"])
