"""The JSON log: one object a line whatever stands in it, at the level asked for, without what callers sent."""

import json
import logging
import os

from policyloop.core.clock import SystemClock
from policyloop.server.request_log import JsonHandler, LogLines


def lines_of(write, *, level="info"):
    """What `write(lines)` wrote, decoded."""
    reading, writing = os.pipe()
    lines = LogLines(writing, clock=SystemClock(), worker="0", level=level)
    write(lines)
    lines.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def test_a_line_says_when_where_and_what():
    (line,) = lines_of(lambda lines: lines.tell("info", "request", {"status": 200, "ids": ("a", "b")}))

    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "worker": "0", "event": "request", "status": 200, "ids": ["a", "b"]}


def test_a_line_break_in_a_value_makes_no_second_line():
    (line,) = lines_of(lambda lines: lines.tell("info", "request", {"path": '/a\n{"event": "forged"}'}))

    assert line["path"] == '/a\n{"event": "forged"}'


def test_what_is_below_the_level_is_left_out():
    def write(lines):
        for level in ("debug", "info", "warning", "error"):
            lines.tell(level, level, {})

    assert [line["event"] for line in lines_of(write, level="warning")] == ["warning", "error"]


def test_an_exception_is_told_by_type_and_place_and_without_its_message():
    def write(lines):
        try:
            raise ValueError("the context was 'secret'")
        except ValueError as error:
            lines.tell_exception("unexpected", error, {"request_id": "7"})

    (line,) = lines_of(write)
    (detailed,) = lines_of(write, level="debug")

    assert (line["error"], line["request_id"]) == ("ValueError", "7")
    assert "test_request_log" in line["traceback"][0]
    assert "message" not in line
    assert "secret" in detailed["message"]


def test_what_libraries_log_becomes_lines_too():
    logger = logging.getLogger("a-library")
    logger.propagate = False

    def write(lines):
        logger.addHandler(JsonHandler(lines))
        logger.warning("odd: %s", 7)

    (line,) = lines_of(write)

    assert (line["level"], line["logger"], line["message"]) == ("warning", "a-library", "odd: 7")


def test_a_reader_that_is_gone_stops_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    lines = LogLines(writing, clock=SystemClock(), worker="0")

    lines.tell("info", "request", {})
    lines.close()

    os.close(writing)
    assert not lines._thread.is_alive()
