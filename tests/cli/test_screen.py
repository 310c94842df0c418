"""What commands print for scripts: one JSON document, whose times are RFC 3339 like those of the wire."""

import json
import re
from dataclasses import dataclass

import msgspec
import pytest

from policyloop.cli.screen import write_json, write_table
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


SENTENCE = "a sentence that is so long that it is broken between its words where a terminal is narrow"
IDS = ("episode_id_of_a_name", "another_name_that_is_long", "a_third_that_is_long", "n_of_its_steps")


@pytest.fixture
def narrow(monkeypatch):
    """A terminal of 80 columns, without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


def test_a_table_that_goes_elsewhere_than_to_a_terminal_has_no_broken_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")

    write_table(("name", "what"), [("gridworld-expert-s1-0", SENTENCE), ("b", None)])

    assert capsys.readouterr().out.splitlines()[1:] == [f"gridworld-expert-s1-0  {SENTENCE}", "b"]


def test_on_a_terminal_sentences_are_broken_and_names_are_not(capsys, narrow):
    write_table(("name", "what"), [("gridworld-expert-s1-0", SENTENCE)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("gridworld-expert-s1-0  a sentence that")
    assert len(lines) == 3


def test_where_words_do_not_fit_side_by_side_each_row_is_a_block(capsys, narrow):
    write_table(IDS, [("gridworld-expert-s1-0", "x", "y", 3), ("gridworld-expert-s1-1", "x", "y", None)])

    assert capsys.readouterr().out.splitlines() == [
        "episode_id_of_a_name       gridworld-expert-s1-0",
        "another_name_that_is_long  x",
        "a_third_that_is_long       y",
        "n_of_its_steps             3",
        "",
        "episode_id_of_a_name       gridworld-expert-s1-1",
        "another_name_that_is_long  x",
        "a_third_that_is_long       y",
        "n_of_its_steps",
    ]
