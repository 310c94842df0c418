"""What commands print for scripts: one JSON document, whose times are RFC 3339 like those of the wire."""

import json
import re
from dataclasses import dataclass

import msgspec
import pytest

from policyloop.cli.screen import write_json
from policyloop.core.clock import TimeUs

A_TIME = 1_793_518_205_000_000
AS_TEXT = "2026-11-01T07:30:05.000000Z"
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class Work:
    ended_at: TimeUs | None
    n: int


class Told(msgspec.Struct):
    at: TimeUs
    n: int
    works: list[Work]
    by_name: dict[str, Work]


def test_times_are_texts_wherever_they_stand_and_numbers_stay_numbers(capsys):
    write_json({"told": [Told(A_TIME, A_TIME, [Work(None, 1), Work(A_TIME, 2)], {"x": Work(A_TIME, 3)})]})

    assert json.loads(capsys.readouterr().out) == {
        "told": [
            {
                "at": AS_TEXT,
                "n": A_TIME,
                "works": [{"ended_at": None, "n": 1}, {"ended_at": AS_TEXT, "n": 2}],
                "by_name": {"x": {"ended_at": AS_TEXT, "n": 3}},
            }
        ]
    }


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("models", "front-page"),
        ("verdicts", "front-page"),
        ("report", "front-page"),
        ("apply",),
        ("join", "front-page"),
    ],
    ids=" ".join,
)
def test_no_command_tells_a_time_as_a_number(project, publish, command):
    project("promote", "front-page", publish(1))

    told = json.loads(project(*command, "--json").out)

    assert [number for number in numbers_in(told) if abs(number) > 1e15] == []
    if command[0] not in ("apply", "join"):
        assert RFC_3339.search(json.dumps(told))


def test_what_has_not_happened_yet_has_no_time(project):
    (loop,) = json.loads(project("status", "--json").out)["loops"]

    assert (loop["champion_since"], loop["traffic"]["watermark"], loop["last_job"]) == (None, None, None)


def numbers_in(value):
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(part)
    elif isinstance(value, int | float):
        yield value
