"""Hostile bodies (RELIABILITY S2, S3): always a 4xx that is a problem, never a 500, never an event."""

import gzip
import json

import pytest

from policyloop.log import folder as log_folder
from running_app import running_app

DECIDE = "/v1/loops/front-page/decide"
WRITES = (DECIDE, "/v1/loops/front-page/outcomes", "/v1/loops/front-page/activate", "/v1/track", "/v1/loops/front-page/promote")


def in_context(value: bytes) -> bytes:
    return b'{"context": {"hour": ' + value + b', "device": "phone"}}'


HOSTILE = {
    "nothing": b"",
    "blanks": b" \n\t ",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half an object": b'{"context": {"hour": 1, "dev',
    "two documents": b"{}{}",
    "a text": b'"hour"',
    "a number": b"1",
    "null": b"null",
    "an array in an array": b"[[[]]]",
    "nothing in an array": b"[]",
    "depth 100": b"[" * 100 + b"]" * 100,
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"context":' * 100_000 + b"1" + b"}" * 100_000,
    "a context 100,000 deep": b'{"context": {"hour": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "a context 900 deep": b'{"context": {"hour": 1, "device": "phone", "note": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "a next context 900 deep": b'{"decision_id": "d", "outcomes": {"clicked": 1}, "next_context": {"a": '
    + b"[" * 900
    + b"]" * 900
    + b"}}",
    "a million keys": b"{" + b",".join(b'"%d":1' % i for i in range(80_000)) + b"}",
    "a million keys in the context": b'{"context": {' + b",".join(b'"%d":1' % i for i in range(80_000)) + b"}}",
    "a long key": b'{"' + b"k" * 1_000_000 + b'": 1}',
    "NaN": in_context(b"NaN"),
    "Infinity": in_context(b"-Infinity"),
    "1e999": in_context(b"1e999"),
    "5,000 digits": in_context(b"9" * 5000),
    "2**63": in_context(b"9223372036854775808"),
    "a fraction": in_context(b"1.5"),
    "a boolean": in_context(b"true"),
    "a lone surrogate": b'{"context": {"hour": 1, "device": "\\ud800"}}',
    "a lone surrogate in an id": b'{"context": {"hour": 1, "device": "phone"}, "decision_id": "a\\udc00bcdefgh"}',
    "a lone surrogate in a text": b'{"context": {"hour": 1, "device": "phone", "note": "\\ud800 and more text"}}',
    "a lone surrogate in a key": b'{"context": {"hour": 1, "device": "phone", "\\udfff and more": 1}}',
    "invalid UTF-8": b'{"context": {"hour": 1, "device": "\xff"}}',
    "invalid UTF-8 in a key": b'{"\xc3\x28": 1}',
    "a surrogate in UTF-8": b'{"context": {"hour": 1, "device": "phone", "note": "\xed\xa0\x80"}}',
    "UTF-16": '{"context": {}}'.encode("utf-16"),
    "a control character in an id": b'{"context": {"hour": 1, "device": "phone"}, "decision_id": "a\\u0000b"}',
    "an id of 257 characters": b'{"context": {"hour": 1, "device": "phone"}, "decision_id": "' + b"x" * 257 + b'"}',
    "__proto__": b'{"__proto__": {"a": 1}, "context": {"hour": 1, "device": "phone"}}',
    "constructor": b'{"context": {"hour": 1, "device": "phone", "constructor": 1}}',
    "a year that is none": b'{"context": {"hour": 1, "device": "phone"}, "occurred_at": "99999-01-01T00:00:00Z"}',
    "YAML": b"context: {hour: 1}",
    "a pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00}",
    "gzip without saying so": gzip.compress(b'{"context": {"hour": 1, "device": "phone"}}'),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_problem_of_the_callers(served, name, path):
    answer = served.ask("POST", path, HOSTILE[name], pieces=3)

    if path == "/v1/track" and answer.status == 200:  # the envelope could be read: each row is refused by itself
        assert {result["status"] for result in answer.json["results"]} == {"refused"}
        return
    assert 400 <= answer.status < 500, answer.body[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == answer.status
    assert {"type", "title", "detail", "code"} <= set(problem)
    assert len(answer.body) < 100_000
    assert "Traceback" not in problem["detail"]
    assert "/policyloop/" not in answer.body.decode()


def test_none_of_it_writes_an_event(project):
    with running_app(project) as app:
        for path in WRITES:
            for body in HOSTILE.values():
                app.ask("POST", path, body)

    assert log_folder.segments(project / "data" / "log") == []  # a clean end removes segments that hold nothing


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "gzip, gzip"])
def test_a_compressed_body_is_refused_unopened(served, encoding):
    answer = served.ask("POST", DECIDE, gzip.compress(b" " * 10_000_000), {"content-encoding": encoding})

    assert (answer.status, answer.json["code"]) == (415, "encoded_body")


@pytest.mark.parametrize("path", WRITES)
def test_a_body_over_the_limit_is_a_413_with_and_without_a_length(served, path):
    body = b"[" + b" " * 2**20 + b"]"

    told = served.ask("POST", path, body, {"content-length": str(len(body))})
    untold = served.ask("POST", path, body, pieces=100)

    assert [(a.status, a.json["code"]) for a in (told, untold)] == [(413, "body_too_large")] * 2


def test_of_duplicate_keys_the_last_counts(served):
    answer = served.ask("POST", DECIDE, b'{"context": {"hour": 99, "device": "phone", "hour": 1}}')

    assert answer.status == 200


@pytest.mark.parametrize("query", ["pmf=%ff", "pmf=true&pmf=false&x=1", "a" * 5000, "%00=1", "pmf"])
def test_a_hostile_query_is_a_problem_of_the_callers(served, query):
    answer = served.ask("POST", f"{DECIDE}?{query}", json.dumps({"context": {"hour": 1, "device": "phone"}}).encode())

    assert answer.status == 400


@pytest.mark.parametrize(
    "loop", ["..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "x" * 1000, "%ed%a0%80", "front-page%0a", "..%5c..%5c"]
)
def test_a_hostile_loop_name_is_a_404(served, loop):
    answers = [
        served.post(f"/v1/loops/{loop}/decide", {"context": {}}),
        served.get(f"/v1/loops/{loop}"),
        served.get(f"/v1/jobs?loop={loop}"),
    ]

    assert {answer.status for answer in answers} == {404}
    assert all(len(answer.body) < 20_000 for answer in answers)
