"""A historian's long export, one reading a row, becomes a row a step."""

import pytest

from policyloop.core.errors import Invalid

HEAD = "tag,time,value,quality\n"
NAMES = {"columns": ["level=LI", "valve=FV"], "every": "1m"}


def minute(k, hour=6):
    return f"2026-03-02T{hour:02d}:{k:02d}:00"


def export(minutes=range(4), hour=6):
    return "".join(f"LI,{minute(k, hour)},{50 + k},Good\nFV,{minute(k, hour)},{1 + k % 9},Good\n" for k in minutes)


def rows(prepared):
    return [(r["episode_id"], r["step"], r["context"]["level"], r["action_value"]) for r in prepared.history.to_pylist()]


def test_readings_become_steps(made):
    prepared = made(HEAD + export(), episodes="gap=30m", **NAMES)

    name = "2026-03-02T06:00:00Z"
    assert rows(prepared) == [(name, 0, 50.0, [1.0]), (name, 1, 51.0, [2.0]), (name, 2, 52.0, [3.0]), (name, 3, 53.0, None)]
    assert prepared.history["decided_at"][1].as_py() - prepared.history["decided_at"][0].as_py() == 60_000_000


def test_bad_qualities_are_left_out_and_counted(made):
    prepared = made(HEAD + export() + f"LI,{minute(2)},999,Bad\n", episodes="gap=30m", **NAMES)

    assert rows(prepared)[2][2] == 52.0
    assert any("1 of 9 readings are left out for their quality ('Bad')" in note for note in prepared.notes)


def test_a_quality_that_is_never_good_names_those_that_are_there(made):
    with pytest.raises(Invalid, match="expected `--good VALUE`, of 'A', 'B'"):
        made(HEAD + f"LI,{minute(0)},1,A\nFV,{minute(0)},1,B\n", episodes="gap=30m", **NAMES)


def test_a_silence_begins_another_episode(made):
    prepared = made(HEAD + export(hour=6) + export(hour=9), episodes="gap=30m", max_gap="5m", **NAMES)

    assert [name for name, step, _, _ in rows(prepared) if step == 0] == ["2026-03-02T06:00:00Z", "2026-03-02T09:00:00Z"]


def test_no_reading_is_held_over_a_silence_that_ends_an_episode(made):
    text = HEAD + export(hour=6) + export(hour=9)

    unsaid, said = made(text, episodes="gap=30m", **NAMES), made(text, episodes="gap=30m", max_gap="30m", **NAMES)

    assert unsaid.history.equals(said.history)
    assert unsaid.history.num_rows == 8
    (note,) = [note for note in unsaid.notes if "holds" in note]
    assert note == (
        "a reading holds for 30m at most, as a longer silence ends an episode: 176 steps in such silences are none. "
        "`--max-gap` says otherwise."
    )
    assert not any("holds" in note for note in said.notes)


def test_steps_that_rest_on_old_readings_are_counted_where_nobody_said_how_long_they_hold(made):
    text = HEAD + export(range(4)) + export(range(30, 34))

    held, said = made(text, episodes="steps=5", **NAMES), made(text, episodes="gap=20m", max_gap="10m", **NAMES)

    told = (
        "16 of 34 steps rest on readings older than 10 times the usual interval between two: nothing else is known of them. "
        "`--max-gap 10m` leaves them out."
    )
    assert told in held.notes
    assert not any("older than" in note for note in said.notes)


def test_a_shorter_silence_is_a_gap_and_a_fault(made, faults):
    text = HEAD + export(range(4)) + export(range(20, 24))

    (found,) = faults(text, episodes="gap=2h", max_gap="5m", **NAMES)
    prepared = made(text, episodes="gap=2h", max_gap="5m", repairs="split-gaps", **NAMES)

    assert found.startswith("time: has a gap right before it in 1 of ")
    assert {name for name, *_ in rows(prepared)} == {"2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z/2"}


def autumn(by_tag):
    """Readings every half hour from one to four o'clock, local time, in the night in which clocks were put back."""
    clock = ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]
    level, valve = ([f"{tag},2026-10-25 {at},{k},Good\n" for k, at in enumerate(clock)] for tag in ("LI", "FV"))
    return HEAD + "".join(level + valve if by_tag else [row for both in zip(level, valve, strict=True) for row in both])


AUTUMN = {"columns": ["level=LI", "valve=FV"], "every": "30m", "episodes": "gap=2h", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize("by_tag", [True, False])
def test_the_order_of_rows_tells_the_hour_that_came_twice_apart_and_no_reading_is_lost(made, faults, by_tag):
    (found,) = faults(autumn(by_tag), **AUTUMN)

    prepared = made(autumn(by_tag), repairs="clocks-back", **AUTUMN)

    assert "the clocks of Europe/Berlin were put back on 2026-10-25, and an hour came twice" in found
    assert [level for _, _, level, _ in rows(prepared)] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert prepared.repaired == {"clocks-back": 2}


def test_where_rows_come_in_no_order_the_hour_that_came_twice_is_told_with_what_would_be_lost(faults):
    head, *lines = autumn(by_tag=True).splitlines(keepends=True)
    shuffled = head + "".join(lines[i] for i in (0, 3, 2, 5, 4, 1, 6, 7)) + "".join(lines[8:12] + lines[14:])

    found = faults(shuffled, **AUTUMN)

    assert (
        "time: is there twice in 2 of 14 rows (row 4, row 5), in the hour that Europe/Berlin has twice (2026-10-25), and the "
        "rows come in no order that tells which was first: one of two is lost. Times with an offset, or in UTC, would keep "
        "both. Mend the file, or ask for `--repair drop-repeated`."
    ) in found


def test_an_hour_that_was_skipped_in_spring_is_told(faults):
    (found,) = faults(
        HEAD + "LI,2026-03-29 02:30,1,Good\n" + autumn(by_tag=True)[len(HEAD) :], **AUTUMN | {"repairs": "clocks-back"}
    )

    assert found.startswith(
        "time: is no time of Europe/Berlin in 1 of 17 rows (row 1): the clocks were put forward there on 2026-03-29, over an "
        "hour that never was. Are these times of another zone, such as UTC?"
    )


@pytest.mark.parametrize("idle", ["", "none", "0"])
def test_a_batch_tag_names_the_episodes_and_between_two_there_is_none(made, idle):
    batches = "".join(f"B,{minute(k)},{name},Good\n" for k, name in ((0, "B-17"), (3, idle), (5, "B-18")))

    prepared = made(HEAD + batches + export(range(8)), episodes="column=B", **NAMES)

    assert [(name, step) for name, step, *_ in rows(prepared)] == [
        *(("B-17", step) for step in range(3)),
        *(("B-18", step) for step in range(3)),
    ]


def test_episodes_of_a_fixed_length_share_the_row_where_one_ends_and_the_next_begins(made):
    prepared = made(HEAD + export(range(6)), episodes="steps=2", **NAMES)

    first, second, third = ("2026-03-02T06:00:00Z", "2026-03-02T06:02:00Z", "2026-03-02T06:04:00Z")
    assert rows(prepared) == [
        (first, 0, 50.0, [1.0]),
        (first, 1, 51.0, [2.0]),
        (first, 2, 52.0, None),
        (second, 2, 52.0, [3.0]),
        (second, 3, 53.0, [4.0]),
        (second, 4, 54.0, None),
        (third, 4, 54.0, [5.0]),
        (third, 5, 55.0, None),
    ]
    assert sum(prepared.history["truncated"].to_pylist()) == 3


def test_a_table_with_a_column_for_each_tag_goes_on_a_grid_too(made):
    wide = "time,level,valve\n" + "".join(f"{minute(k)},{50 + k},{1 + k}\n" for k in range(0, 8, 2))

    prepared = made(wide, episodes="gap=30m", every="1m", resample=["level=interpolate"])

    assert [row[2] for row in rows(prepared)] == [50, 51, 52, 53, 54, 55, 56]
    assert [row[3] for row in rows(prepared)][:4] == [[1.0], [1.0], [3.0], [3.0]]


def test_times_are_of_the_zone_that_was_asked_for(made):
    prepared = made(HEAD + export(), episodes="gap=30m", time_zone="Europe/Berlin", **NAMES)

    assert rows(prepared)[0][0] == "2026-03-02T05:00:00Z"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (f"LI,{minute(3)},99,Good\n", "level: has another value at the same time in 1 of 5 rows (row 9)."),
        (f"LI,{minute(6)},off,Good\n", "level: is a text where a number belongs in 1 of 5 rows (row 9)."),
        (f"XX,{minute(1)},1,Good\n", "columns: 1 column or tag is nothing that the loop knows: 'XX'."),
        ("LI,someday,1,Good\n", "time: is missing, or no time, in 1 of 9 rows (row 9);"),
        (f"LI,{minute(6)},55,Good\nLI,{minute(5)},54,Good\n", "level: has times that go back in 1 of 6 rows (row 10)."),
    ],
)
def test_faults_of_readings_are_told_with_their_rows(faults, more, told):
    found = faults(HEAD + export() + more, episodes="gap=30m", **NAMES)

    assert found[0].startswith(told)


def test_a_long_table_needs_a_step(made):
    with pytest.raises(Invalid, match="--every: is needed: a long table has no steps of its own"):
        made(HEAD + export(), columns=NAMES["columns"])


def test_a_step_that_would_make_too_many_rows_is_refused(made):
    with pytest.raises(Invalid, match=r"--every: would make .* steps; expected at most 20,000,000"):
        made(HEAD + export() + export(hour=16), columns=NAMES["columns"], every="1ms", episodes="gap=1h")
