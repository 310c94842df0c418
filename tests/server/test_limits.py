"""How much a request may be: bodies are read in bounded memory, and refused by their headers where those say enough."""

import asyncio
from dataclasses import replace

import pytest

from policyloop.core.endpoint import Endpoint, Reply
from policyloop.core.request_errors import BodyCutShort, BodyTooLarge, EncodedBody, WrongContentType
from policyloop.server.limits import MAX_BODY_BYTES, check_body_headers, read_body


async def answer(service, call):
    return Reply(200, b"{}")


WRITE = Endpoint(method="POST", path="/x", scope="report", handler=answer, summary="", answer=dict, request=dict)


def pieces(*parts, then=None):
    """A `receive` that gives the parts in turn, and counts how many were taken."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append(then or {"type": "http.request", "body": b"", "more_body": False})
    taken = []

    async def receive():
        taken.append(messages[len(taken)])
        return taken[-1]

    return receive, taken


def test_a_body_in_one_piece_or_many_is_the_same_body():
    async def one():
        return {"type": "http.request", "body": b"abcd", "more_body": False}

    many, _ = pieces(b"ab", b"", b"c", b"d")

    assert asyncio.run(read_body(one)) == asyncio.run(read_body(many)) == b"abcd"


def test_exactly_the_limit_is_taken_and_one_byte_more_is_refused():
    fits, _ = pieces(b"x" * (MAX_BODY_BYTES - 1), b"x")
    over, _ = pieces(b"x" * MAX_BODY_BYTES, b"x")

    assert len(asyncio.run(read_body(fits))) == MAX_BODY_BYTES
    with pytest.raises(BodyTooLarge, match="1,048,576"):
        asyncio.run(read_body(over))


def test_an_endless_body_is_left_unread_beyond_the_limit():
    receive, taken = pieces(*[b"x" * 65_536] * 1000)

    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(receive))

    assert len(taken) == 17  # 16 pieces are the limit


def test_a_peer_that_leaves_in_the_middle_has_sent_no_body():
    receive, _ = pieces(b"ab", then={"type": "http.disconnect"})

    with pytest.raises(BodyCutShort):
        asyncio.run(read_body(receive))


@pytest.mark.parametrize("content_type", [b"application/json", b"Application/JSON; charset=utf-8", b"application/json;x=y"])
def test_json_by_any_spelling_is_taken(content_type):
    check_body_headers(WRITE, {b"content-type": content_type})


@pytest.mark.parametrize(
    "content_type", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"]
)
def test_what_a_page_may_send_unasked_is_refused(content_type):
    with pytest.raises(WrongContentType, match="expected application/json"):
        check_body_headers(WRITE, {b"content-type": content_type})


def test_a_row_may_take_any_content_type():
    check_body_headers(replace(WRITE, any_content_type=True), {b"content-type": b"text/plain"})


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"zstd", b"deflate", b"gzip, gzip", b"identity, gzip"])
def test_compressed_bodies_are_refused_unopened(encoding):
    with pytest.raises(EncodedBody):
        check_body_headers(WRITE, {b"content-type": b"application/json", b"content-encoding": encoding})


def test_a_length_over_the_limit_is_refused_before_the_body():
    headers = {b"content-type": b"application/json", b"content-length": b"%d" % (MAX_BODY_BYTES + 1)}

    with pytest.raises(BodyTooLarge):
        check_body_headers(WRITE, headers)
