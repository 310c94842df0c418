"""The loop file to start from: it mentions everything, and says nothing else than the defaults."""

from dataclasses import fields

import pytest

from policyloop.core.loop import ExploreSpec, Field, GateSpec, OutcomeSpec, TrainSpec
from policyloop.core.spec_file import KEYS, read_spec
from policyloop.core.spec_template import (
    COMMENTS,
    COMMENTS_OF_EPISODES,
    EXAMPLE,
    EXAMPLE_OF_CANDIDATES,
    template_of,
    yaml_value,
)
from policyloop.core.yaml_text import read_yaml

SPEC = read_spec({"loop": "x", **EXAMPLE})
GEAR = {"kind": "tuple", "parts": {"gear": ["low", "high"], "force": {"min": 0, "max": 1}}}
EPISODES = {
    "loop": "crane",
    "context": {"x": "number", "view": {"type": "tensor", "shape": [4, 4], "dtype": "uint8"}},
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "episodes": {"max_steps": 100},
    "reward": {"expression": "next.x - 0.1 * abs(force)", "range": [-1, 1]},
}


def test_the_template_reads_back_to_the_defaults():
    again = read_spec(template_of(SPEC))

    assert again == SPEC
    assert (again.train, again.explore, again.gate) == (TrainSpec(), ExploreSpec(), GateSpec())


def test_the_template_mentions_every_key():
    document = read_yaml(template_of(SPEC))

    assert tuple(document) == KEYS
    assert set(document["train"]) == {"every", "cron", "window", "half_life", "max_runtime", "retries", "split"}
    assert set(document["reward"]) == {"expression", "range", "window", "close", "default"}


@pytest.mark.parametrize("noun", [Field, OutcomeSpec])
def test_the_template_mentions_every_option_of_fields_and_outcomes(noun):
    text = template_of(SPEC)

    for option in fields(noun):
        assert option.name == "name" or f"{option.name}:" in text or f"{option.name}, " in text


def test_the_template_has_every_key_of_the_gate():
    assert set(read_yaml(template_of(SPEC))["gate"]) == {key.name for key in fields(GateSpec)}


def test_every_line_with_a_key_says_what_it_means():
    others = ({"loop": "shelf", **EXAMPLE_OF_CANDIDATES}, EPISODES, {**EPISODES, "actions": GEAR})
    text = template_of(SPEC) + "".join(template_of(read_spec(other)) for other in others)

    for key, comment in [*COMMENTS.items(), *COMMENTS_OF_EPISODES.items()]:
        name = key.split(".")[-1]
        assert any(line.lstrip().startswith(f"{name}:") and line.endswith(comment) for line in text.splitlines()), key


@pytest.mark.parametrize("changes", [{}, {"actions": GEAR}, {"limits": {"force": {"max": 0.5}}}, {"baseline": {"force": 0.5}}])
def test_a_loop_with_episodes_reads_back_to_the_same_spec(changes):
    spec = read_spec({**EPISODES, **changes})

    assert read_spec(template_of(spec)) == spec


def test_a_loop_over_candidates_reads_back_to_the_same_spec():
    spec = read_spec({"loop": "shelf", **EXAMPLE_OF_CANDIDATES})

    assert read_spec(template_of(spec)) == spec
    assert "    age_hours: {type: number, min: 0}\n" in template_of(spec)


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"cron": "0 3 * * *"}},
        {"train": {"every": "none"}},
        {"explore": {"name": "epsilon_greedy", "epsilon": 0.25}},
        {"gate": {"refresh": "point"}},
        {"context": {}},
        {
            "context": {"a:b": {"type": "category", "values": ["yes", "no", "1", "# x", " y "], "default": "no"}},
            "subject": "a:b",
        },
        {"context": {"none": "text"}, "subject": "none"},
        {"actions": {"labels": ["on", "off", "null", "1.5", "010", "a: b", "[", "'", '"', "é", "1e3"]}, "baseline": "on"},
        {"aliases": ["Front Page", "yes"]},
    ],
)
def test_any_spec_reads_back_from_its_template(changes):
    spec = read_spec({"loop": "x", **EXAMPLE, **changes})

    assert read_spec(template_of(spec)) == spec


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("calm", "calm"),
        ("yes", '"yes"'),
        ("1", '"1"'),
        ("a  b", '"a  b"'),
        (1.0, "1"),
        (0.5, "0.5"),
        (True, "true"),
        ("10m", "10m"),
    ],
)
def test_texts_are_quoted_where_yaml_would_read_something_else(value, text):
    assert yaml_value(value) == text
