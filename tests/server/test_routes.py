"""The endpoint table as a tree: a path matches part by part, byte by byte, and nothing else does."""

from dataclasses import replace

import pytest

from policyloop.core.endpoint import Endpoint, Reply
from policyloop.core.request_errors import NoSuchPath
from policyloop.server.routes import Routes, gather, methods_of


async def answer(service, call):
    return Reply(200, b"{}")


ROW = Endpoint(method="GET", path="/v1/loops", scope="read", handler=answer, summary="All.", answer=dict)
ONE = replace(ROW, path="/v1/loops/{loop}", summary="One.")
DECIDE = replace(ROW, method="POST", path="/v1/loops/{loop}/decide")
ROUTES = Routes([ROW, ONE, DECIDE])


def test_a_path_finds_its_rows_and_names_its_parameters():
    rows, parameters = ROUTES.find(b"/v1/loops/front-page/decide")

    assert rows == {"POST": DECIDE}
    assert parameters == {"loop": "front-page"}


def test_parameters_are_decoded_and_nothing_else_is():
    rows, parameters = ROUTES.find(b"/v1/loops/a%2Fdecide%20b")

    assert rows == {"GET": ONE}
    assert parameters == {"loop": "a/decide b"}
    with pytest.raises(NoSuchPath):
        ROUTES.find(b"/v1/%6coops")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/v1",
        "/v1/",
        "/v1/loops/",
        "//v1/loops",
        "/v1//loops",
        "/V1/loops",
        "/v1/loops/x/",
        "/v1/loops//decide",
        "/v1/loops/x/decide/",
        "/v1/loops/x/../y",
    ],
)
def test_what_is_almost_a_path_is_none(path):
    with pytest.raises(NoSuchPath):
        ROUTES.find(path.encode())


def test_a_path_tells_its_methods():
    assert methods_of({"GET": ROW}) == ["GET", "HEAD", "OPTIONS"]
    assert methods_of({"POST": DECIDE}) == ["OPTIONS", "POST"]


def test_every_file_of_the_family_lists_rows_and_no_two_are_alike():
    rows = gather()

    assert len({(row.method, row.path) for row in rows}) == len(rows) > 10
    assert all(row.summary.endswith(".") and row.path.startswith("/") for row in rows)
