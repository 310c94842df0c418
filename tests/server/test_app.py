"""The application: what no one foresaw is a 500 without insides, every request has its line, HEAD has no secrets."""

from dataclasses import replace

import pytest

from policyloop.core.endpoint import Endpoint, Reply
from policyloop.core.errors import CorruptLog
from policyloop.server.app import App
from policyloop.server.routes import Routes
from running_app import CONTEXT, running_app

DECIDE = "/v1/loops/front-page/decide"


async def break_down(service, call):
    raise KeyError("the context was 'a secret'")


async def find_corruption(service, call):
    raise CorruptLog("segment /var/lib/policyloop/log/1.plog is corrupt")


async def recurse(service, call):
    return await recurse(service, call)


async def answer(service, call):
    return Reply(200, b'{"a": 1}')


def in_capitals(error):
    return Reply(400 if error.status < 500 else error.status, error.message.upper().encode(), b"text/plain")


ROW = Endpoint(method="GET", path="/break", scope="read", handler=break_down, summary="", answer=dict)
ROWS = (
    ROW,
    replace(ROW, path="/corrupt", handler=find_corruption),
    replace(ROW, path="/recurse", handler=recurse),
    replace(ROW, path="/open", method="POST", handler=answer, cors=True, any_content_type=True),
    replace(
        ROW,
        path="/other",
        method="POST",
        request=dict,
        handler=break_down,
        cors=True,
        cors_headers=(b"content-type", b"x-api-key"),
        any_content_type=True,
        max_body_bytes=10,
        refuse=in_capitals,
    ),
)


@pytest.fixture
def broken(project):
    """An application with rows that fail."""
    with running_app(project) as running:
        running.app = App(running.app.service, Routes(ROWS))
        yield running


def test_a_mistake_of_ours_is_a_500_whose_details_are_in_the_log_alone(broken):
    got = broken.get("/break")
    lines = broken.lines_logged()

    assert (got.status, got.json["code"]) == (500, "unexpected")
    assert got.headers["x-request-id"] in got.json["detail"]
    assert "secret" not in got.body.decode()
    (line,) = [one for one in lines if one["event"] == "unexpected"]
    assert (line["request_id"], line["error"]) == (got.headers["x-request-id"], "KeyError")


def test_an_error_of_the_servers_side_does_not_name_our_files(broken):
    got = broken.get("/corrupt")
    lines = broken.lines_logged()

    assert (got.status, got.json["code"]) == (500, "unexpected")
    assert "/var/lib" not in got.body.decode()
    assert any("/var/lib" in one.get("message", "") for one in lines)


def test_a_handler_that_runs_out_of_stack_refuses_the_request(broken):
    assert (broken.get("/recurse").status, broken.get("/recurse").json["errors"][0]["code"]) == (400, "malformed")


def test_a_row_for_compatibility_may_answer_pages_of_any_origin(broken):
    page = {"origin": "https://elsewhere.example", "content-type": "text/plain"}

    preflight = broken.ask("OPTIONS", "/open", b"", page)
    got = broken.ask("POST", "/open", b"", page)
    stranger = broken.ask("POST", "/open", b"", {"host": "elsewhere.example"})

    assert preflight.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert (got.status, got.headers["access-control-allow-origin"]) == (200, "*")
    assert stranger.status == 403


def test_a_row_for_compatibility_has_its_own_limit_and_says_errors_its_own_way_which_pages_may_read(broken):
    page = {"origin": "https://elsewhere.example"}

    preflight = broken.ask("OPTIONS", "/other", b"", page)
    too_large = broken.ask("POST", "/other", b"x" * 11, page, pieces=3)
    said_so = broken.ask("POST", "/other", b"", page | {"content-length": "11"})
    at_the_limit = broken.ask("POST", "/other", b"x" * 10, page)

    assert preflight.headers["access-control-allow-headers"] == "content-type, x-api-key"
    for answered in (too_large, said_so):
        assert (answered.status, answered.body) == (400, b"THE BODY IS OVER 10 BYTES; SEND LESS AT A TIME.")
        assert answered.headers["access-control-allow-origin"] == "*"
    assert at_the_limit.status == 500
    assert at_the_limit.headers["x-request-id"].upper() in at_the_limit.body.decode()
    assert "SECRET" not in at_the_limit.body.decode()


def test_every_request_has_a_line_with_its_ids_and_never_a_context_value(project):
    with running_app(project) as app:
        made = app.post(DECIDE, {"context": CONTEXT | {"note": "a-secret-note"}, "decision_id": "d-1"})
        app.post(DECIDE, {"context": CONTEXT | {"device": "a-secret-device"}})
        app.get("/nowhere?token=a-secret-token")
        lines = [line for line in app.lines_logged() if line["event"] == "request"]

    assert made.status == 200
    keys = ("method", "path", "status", "level")
    assert [tuple(line[key] for key in keys) for line in lines] == [
        ("POST", "/v1/loops/{loop}/decide", 200, "info"),
        ("POST", "/v1/loops/{loop}/decide", 400, "warning"),
        ("GET", "/nowhere", 404, "warning"),
    ]
    assert (lines[0]["loop"], lines[0]["ids"]) == ("front-page", ["d-1"])
    assert lines[0]["ms"] > 0
    assert len({line["request_id"] for line in lines}) == 3
    assert "secret" not in str(lines)


def test_at_level_warning_good_requests_leave_no_line(project):
    with running_app(project, level="warning") as app:
        app.get("/livez")
        app.get("/nowhere")
        lines = app.lines_logged()

    assert [line["path"] for line in lines] == ["/nowhere"]


def test_a_peer_that_leaves_before_its_body_is_whole_gets_no_answer_and_makes_no_noise(served):
    said = []

    async def leave():
        messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

        async def receive():
            return next(messages)

        async def send(message):
            said.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": DECIDE, "query_string": b"", "headers": headers}
        await served.app(scope, receive, send)

    served.runner.run(leave())

    assert said == []
