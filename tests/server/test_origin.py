"""Whom the server answers: its own machine, and no page of another origin."""

import pytest

from policyloop.core.request_errors import ForeignHost, ForeignOrigin
from policyloop.server.origin import OriginCheck


@pytest.mark.parametrize("host", [b"localhost", b"localhost:8900", b"127.0.0.1:1", b"[::1]:8900", b"LOCALHOST:8900"])
def test_loopback_by_any_of_its_names_is_let_in(host):
    check = OriginCheck()

    check.check_host({b"host": host})
    check.check_host({b"host": host})  # the second time from memory


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example",
        b"evil.example:8900",
        b"127.0.0.1.evil.example",
        b"localhost.",
        b"127.0.0.1:8900@evil",
        b"0.0.0.0",
        b"127.0.0.2",
        b"localhost:123456",
    ],
)
def test_a_name_that_someone_may_have_pointed_here_is_refused(host):
    with pytest.raises(ForeignHost):
        OriginCheck().check_host({b"host": host})


def test_a_request_without_host_is_refused():
    with pytest.raises(ForeignHost, match="host is ''"):
        OriginCheck().check_host({})


def test_no_origin_and_its_own_origin_are_let_in():
    check = OriginCheck()

    check.check_origin({b"host": b"localhost:8900"})
    check.check_origin({b"host": b"localhost:8900", b"origin": b"http://localhost:8900"})


@pytest.mark.parametrize(
    "origin", [b"null", b"http://localhost:3000", b"https://evil.example", b"http://localhost:8900.evil.example", b""]
)
def test_a_page_of_another_origin_is_refused(origin):
    with pytest.raises(ForeignOrigin):
        OriginCheck().check_origin({b"host": b"localhost:8900", b"origin": origin})


def test_what_a_stranger_sends_is_quoted_short_and_printable():
    with pytest.raises(ForeignHost) as caught:
        OriginCheck().check_host({b"host": b"\xff<b>\x1b" + b"x" * 5000})

    assert "host is '?<b>?xxx" in str(caught.value)
    assert len(str(caught.value)) < 250
