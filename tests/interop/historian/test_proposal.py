"""A loop file made of a history: fields with room, actions between what was done, and what is missing is asked for."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.proposal import propose, roomy_steps
from policyloop.interop.historian.reading import read_options

ROWS = "batch,step,level,mode,wet,valve,gain,terminated\n" + "".join(
    f"b{b},{k},{40 + k + b},{'auto' if k % 2 else 'hand'},{'true' if k % 3 else 'false'},{k},{k / 2},0\n"
    for b in range(3)
    for k in range(5)
)
LONG = "tag,time,value\n" + "".join(
    f"LI,2026-03-02T06:{k:02d}:00,{40 + k}\nFV,2026-03-02T06:{k:02d}:00,{k}\n" for k in range(30)
)


@pytest.fixture
def proposed(tmp_path):
    """A function that makes a loop's document of a CSV's text, and answers it with its file."""

    def make(text, *, actions=("valve",), outcomes=(), reward=None, **options):
        file = tmp_path / "tank.csv"
        file.write_text(text)
        reading = read_options(**options)
        return propose(file, reading, actions=actions, outcomes=outcomes, reward=reward), file, reading

    return make


def test_columns_become_fields_actions_and_outcomes(proposed):
    document, *_ = proposed(ROWS, outcomes=["gain"], reward="gain - 0.1 * valve", episodes="batch")

    assert document["context"] == {
        "level": {"type": "number", "min": 0, "max": 52},
        "mode": {"type": "category", "values": ["auto", "hand"]},
        "wet": {"type": "boolean"},
    }
    assert document["actions"] == {"kind": "continuous", "box": {"valve": {"min": 0, "max": 4}}}
    assert document["outcomes"] == {"gain": {"type": "number", "take": "last"}}
    assert document["episodes"]["id"] == "batch"


def test_numbers_with_a_decimal_comma_are_numbers_where_that_was_said(proposed):
    text = "run;n;level;valve\n" + "".join(f"b0;{k};{k},87;0,{k}5\n" for k in range(6))

    document, *_ = proposed(text, reward="next.level", columns=["step=n", "episode_id=run"], decimal=",")

    assert document["context"] == {"level": {"type": "number", "min": 0, "max": 11}}
    assert document["actions"] == {"kind": "continuous", "box": {"valve": {"min": 0.05, "max": 0.55}}}


def test_numbers_with_a_decimal_comma_are_not_taken_for_labels(proposed):
    text = "batch;step;level;valve\n" + "".join(f"b0;{k};{k},87;0,{k}5\n" for k in range(6))

    with pytest.raises(Invalid, match="level, valve hold numbers with a decimal comma; expected `--decimal ,`"):
        proposed(text, reward="next.level", episodes="batch")


def test_what_was_proposed_reads_the_file_that_it_was_made_of(proposed):
    document, file, reading = proposed(ROWS, reward="next.level", episodes="batch", ignore=["gain"])

    prepared = prepare(file, read_spec({"loop": "tank", **document}), reading)

    assert len(prepared.history["episode_id"].unique()) == 3


@pytest.mark.parametrize(
    ("longest", "steps"), [(0, 5), (4, 5), (19, 20), (29, 30), (40, 40), (41, 45), (119, 120), (870, 870), (1213, 1300)]
)
def test_the_greatest_number_of_steps_is_rounded_up_as_a_person_would(longest, steps):
    assert roomy_steps(longest) == steps


def test_tags_of_a_long_table_become_fields_and_lags_too(proposed):
    document, file, reading = proposed(
        LONG,
        actions=["valve"],
        reward="-abs(next.level - 50)",
        columns=["level=LI", "valve=FV"],
        every="1m",
        lags=["level=2"],
        episodes="gap=1h",
    )

    prepared = prepare(file, read_spec({"loop": "tank", **document}), reading)

    assert list(document["context"]) == ["level", "level_lag2"]
    assert prepared.history.num_rows == 28


def test_a_tag_that_is_not_there_is_told_with_the_nearest(proposed):
    text = LONG.replace("FV", "FV-101")
    names = ["level=LI", "valve=FV-11"]

    with pytest.raises(Invalid, match="--column: no column or tag of the file is named 'FV-11'; did you mean 'FV-101'"):
        proposed(text, actions=["valve"], reward="next.level", columns=names, every="1m", episodes="gap=1h")


def test_a_column_called_reward_is_the_reward(proposed):
    document, *_ = proposed(ROWS.replace("gain", "reward"), episodes="batch")

    assert document["reward"] == {"expression": "reward", "range": [0, 4]}


def test_labels_become_labels(proposed):
    document, *_ = proposed(ROWS, actions=["action"], columns=["action=mode"], reward="next.level", episodes="batch")
    mixed, *_ = proposed(ROWS, actions=["mode", "valve"], reward="next.level", episodes="batch")

    assert document["actions"] == {"kind": "discrete", "labels": ["auto", "hand"]}
    assert mixed["actions"] == {"kind": "tuple", "parts": {"mode": ["auto", "hand"], "valve": {"min": 0, "max": 4}}}


def test_what_cannot_be_told_is_asked_for_at_once(proposed):
    with pytest.raises(Invalid) as refused:
        proposed(ROWS, actions=["vavle"])

    assert [fault.where for fault in refused.value.faults] == ["--actions", "--reward"]
    assert "did you mean 'valve'" in str(refused.value)
