"""A table of steps becomes a history: every fault told with its rows, and mended only where that was asked for by name."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policyloop.core.errors import Invalid
from policyloop.core.loop import Field
from policyloop.core.spec_file import read_spec
from policyloop.interop.historian.learned_from import to_transitions
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.reading import REPAIRS, read_options
from policyloop.lake.episode_history import history_schema
from policyloop.simulate.environment import open_environment
from policyloop.simulate.history import play

HEAD = "batch,step,level,valve\n"
GOOD = HEAD + "a,0,50,1\na,1,51,2\na,2,53,3\nb,0,40,4\nb,1,41,5\n"


def rows(prepared):
    return [
        (row["episode_id"], row["step"], row["context"]["level"], row["action_value"], row["terminated"], row["truncated"])
        for row in prepared.history.to_pylist()
    ]


def test_the_last_row_of_an_episode_is_what_it_ended_in(made):
    prepared = made(GOOD)

    assert rows(prepared) == [
        ("a", 0, 50.0, [1.0], False, False),
        ("a", 1, 51.0, [2.0], False, True),
        ("a", 2, 53.0, None, False, False),
        ("b", 0, 40.0, [4.0], False, True),
        ("b", 1, 41.0, None, False, False),
    ]
    assert prepared.n_rows == 5


def test_the_table_has_the_one_shape_of_histories(made, tank):
    assert made(GOOD).history.schema == history_schema(tank)


def test_the_reward_of_a_row_is_of_its_own_action(made, tank):
    steps = to_transitions(made(GOOD).history, tank)

    np.testing.assert_array_equal(steps.reward, [51 - 1, 53 - 2, 41 - 4])
    np.testing.assert_array_equal(steps.next_state[:, 0], [51, 53, 41])
    np.testing.assert_array_equal(steps.returns, [101, 37])


def test_an_outcome_stands_beside_the_action_that_it_came_of(made):
    spec = read_spec(
        "loop: tank\ncontext: {level: number}\nactions: {kind: continuous, box: {valve: {min: 0, max: 10}}}\n"
        "episodes: {id: batch}\noutcomes: {gain: number}\nreward: {expression: gain, range: [0, 9]}\nlearner: {name: fqi}\n"
    )

    made_of = made("batch,step,level,valve,gain\na,0,50,1,7\na,1,51,2,8\na,2,53,,\n", spec=spec)

    np.testing.assert_array_equal(to_transitions(made_of.history, spec).reward, [7, 8])


def test_a_row_without_action_is_the_last_context_and_takes_no_flag(made):
    prepared = made("batch,step,level,valve,terminated\na,0,50,1,0\na,1,51,2,0\na,2,0,,1\n")

    assert rows(prepared) == [
        ("a", 0, 50.0, [1.0], False, False),
        ("a", 1, 51.0, [2.0], True, False),
        ("a", 2, 0.0, None, False, False),
    ]


def test_a_terminated_episode_keeps_its_last_action(made):
    prepared = made("batch,step,level,valve,terminated\na,0,50,1,false\na,1,51,2,true\n")

    assert rows(prepared)[-1] == ("a", 1, 51.0, [2.0], True, False)


def test_how_silent_episodes_ended_can_be_said(made):
    prepared = made(GOOD, end="terminated")

    assert [row[4] for row in rows(prepared)] == [False, False, True, False, True]
    assert any("no episode says how it ended: taken as terminated" in note for note in prepared.notes)


BAD = {
    "sort": (HEAD + "a,1,51,2\na,0,50,1\na,2,53,3\n", "step: goes back within an episode in 1 of 3 rows (row 2)."),
    "clocks-back": (
        "batch,time,level,valve\na,2026-10-25 02:00,50,1\na,2026-10-25 02:30,51,2\na,2026-10-25 02:00,53,3\n",
        "time: goes back in 1 of 3 rows (row 3): the clocks of Europe/Berlin were put back on 2026-10-25, and an hour came "
        "twice. The second pass is known by the order of the rows; times with an offset, or in UTC, would say it.",
    ),
    "drop-repeated": (
        HEAD + "a,0,50,1\na,1,51,2\na,1,99,9\na,2,53,3\n",
        "step: is there before, in the same episode, in 1 of 4 rows (row 3).",
    ),
    "split-gaps": (
        HEAD + "a,0,50,1\na,1,51,2\na,5,53,3\na,6,54,4\n",
        "step: has a gap right before it in 1 of 4 rows (row 3).",
    ),
    "split-ends": (
        "batch,step,level,valve,truncated\na,0,50,1,0\na,1,51,2,1\na,2,53,3,0\na,3,54,4,0\n",
        "end: is said, and the episode goes on, in 1 of 4 rows (row 2).",
    ),
    "terminated-wins": (
        "batch,step,level,valve,terminated,truncated\na,0,50,1,0,0\na,1,51,2,1,1\n",
        "terminated: is said together with truncated in 1 of 2 rows (row 2).",
    ),
    "drop-nan": (
        HEAD + "a,0,50,1\na,1,inf,2\na,2,53,3\na,3,54,4\n",
        "level: is missing or not a finite number in 1 of 4 rows (row 2).",
    ),
    "drop-text": (
        HEAD + "a,0,50,1\na,1,51,2\na,2,Bad Input,3\na,3,54,4\na,4,55,4\n",
        "level: is a text where a number belongs in 1 of 5 rows (row 3).",
    ),
    "clip-actions": (
        HEAD + "a,0,50,1\na,1,51,12.5\na,2,53,3\n",
        "valve: is 12.5 and the like in 1 of 3 rows (row 2); expected 0 to 10.",
    ),
    "clip-context": (
        HEAD + "a,0,50,1\na,1,-3,2\na,2,53,3\n",
        "level: is -3 and the like in 1 of 3 rows (row 2); expected 0 to 100.",
    ),
    "keep-constant": (
        HEAD + "a,0,50,1\na,1,50,2\na,2,50,3\n",
        "level: is 50 in all 3 rows: nothing can be learned about it.",
    ),
    "forget-propensities": (
        "batch,step,level,valve,propensity\na,0,50,1,0.1\na,1,51,2,0\na,2,53,3,0.1\na,3,54,,\n",
        "propensity: cannot be true in 1 of 4 rows (row 2); expected more than 0, and of labels at most 1.",
    ),
    "drop-columns": (
        "batch,step,level,valve,operator\na,0,50,1,Ann\na,1,51,2,Ann\na,2,52,2,Ann\n",
        "columns: 1 column or tag is nothing that the loop knows: 'operator'. `--ignore NAME` leaves one out.",
    ),
}


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_fault_is_refused_with_its_rows_and_names_the_repair(faults, repair):
    text, told = BAD[repair]

    found = faults(text, time_zone="Europe/Berlin")

    assert f"{told} Mend the file, or ask for `--repair {repair}`." in found


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_repair_that_was_asked_for_is_made_and_counted(made, repair):
    asked = {"drop-text": "drop-text,drop-nan"}.get(repair, repair)

    prepared = made(BAD[repair][0], repairs=asked, time_zone="Europe/Berlin")

    assert prepared.repaired[repair] == 1
    assert prepared.history.num_rows > 0


def test_all_faults_are_told_at_once(faults):
    found = faults(
        "batch,step,level,valve,operator\n"
        "a,0,50,1,x\na,1,nan,2,x\na,3,53,30,x\na,2,Bad,3,x\n"  # a hole and a text, out of order, with a wild valve
    )

    assert [line.split(":")[0] for line in found] == ["columns", "level", "step", "level", "valve"]


def test_what_repairs_make_of_a_table(made):
    clipped = made(BAD["clip-actions"][0], repairs="clip-actions")
    sorted_ = made(BAD["sort"][0], repairs="sort")
    first = made(BAD["drop-repeated"][0], repairs="drop-repeated")

    assert rows(clipped)[1][3] == [10.0]
    assert [row[1] for row in rows(sorted_)] == [0, 1, 2]
    assert [row[2] for row in rows(first)] == [50.0, 51.0, 53.0]


@pytest.mark.parametrize("repair", ["split-gaps", "split-ends"])
def test_an_episode_that_is_cut_goes_on_under_another_name_and_nothing_leads_across(made, repair):
    prepared = made(BAD[repair][0], repairs=repair)

    assert [row[0] for row in rows(prepared)] == ["a", "a", "a/2", "a/2"]
    assert [row[5] for row in rows(prepared)] == [True, False, True, False]


def test_a_row_that_is_left_out_cuts_its_episode(made):
    prepared = made(HEAD + "a,0,50,1\na,1,51,2\na,2,,3\na,3,54,4\na,4,55,5\n", repairs="drop-nan")

    assert [(row[0], row[1]) for row in rows(prepared)] == [("a", 0), ("a", 1), ("a/2", 3), ("a/2", 4)]


def test_an_unknown_column_is_told_with_the_nearest_name(faults):
    found = faults("batch,step,levle,valve\na,0,50,1\na,1,51,2\n")

    assert found[0] == "level: is no column or tag of the file; did you mean `--column level=levle`?"


def test_one_flag_for_both_ends_is_not_guessed_at(faults):
    (found,) = faults("batch,step,level,valve,done\na,0,50,1,0\na,1,51,2,1\n")

    assert "'done' (if it says so: --column terminated=done)" in found


def test_columns_go_by_other_names(made):
    prepared = made("run,n,LI-1,FV-1\na,0,50,1\na,1,51,2\n", columns=["batch=run", "step=n", "level=LI-1", "valve=FV-1"])

    assert rows(prepared)[0] == ("a", 0, 50.0, [1.0], False, True)


def test_missing_propensities_are_said_and_are_no_fault(made):
    prepared = made("batch,step,level,valve,propensity\na,0,50,1,0.1\na,1,51,2,\na,2,53,3,0.1\na,3,54,,\n")

    assert any("propensities are missing in 1 of 4 rows (row 2): fine to learn from" in note for note in prepared.notes)
    assert prepared.history["propensity_kind"].to_pylist() == ["density", "unknown", "density", None]


def test_rows_of_an_episode_may_stand_among_those_of_others(made):
    prepared = made(HEAD + "a,0,50,1\nb,0,40,4\na,1,51,2\nb,1,41,5\n")

    assert [(row[0], row[1]) for row in rows(prepared)] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_a_file_of_single_rows_holds_no_episode(faults):
    assert faults(HEAD + "a,0,50,1\nb,0,51,2\n") == [
        "episodes: are none: no row is left that another one follows. Bring more, or look at the repairs."
    ]


def test_german_tables_have_semicolons_and_decimal_commas(made):
    prepared = made("batch;step;level;valve\na;0;50,5;1\na;1;51,5;2\n", decimal=",")

    assert [row[2] for row in rows(prepared)] == [50.5, 51.5]


def test_a_loop_without_episodes_has_no_history(made):
    alone = read_spec(
        "loop: x\ncontext: {level: number}\nactions: {labels: [a, b]}\noutcomes: {y: {type: boolean, take: max}}\n"
    )

    with pytest.raises(Invalid, match="has no `episodes:` in its loop file"):
        made(GOOD, spec=alone)


def test_labels_may_be_told_by_name_or_by_place(made):
    spec = read_spec(
        "loop: tank\ncontext: {level: number}\nactions: {labels: [shut, open]}\nepisodes: {id: batch}\n"
        "reward: {expression: next.level - action, range: [0, 99]}\nlearner: {name: fqi}\n"
    )
    head = "batch,step,level,action\n"

    by_name = made(head + "a,0,50,open\na,1,51,shut\na,2,52,\n", spec=spec).history
    by_place = made(head + "a,0,50,1\na,1,51,0\na,2,52,\n", spec=spec).history

    assert by_name["action"].to_pylist() == [[1], [0], None]
    assert by_name.equals(by_place)
    with pytest.raises(Invalid, match="no label of the loop; did you mean 'open'"):
        made(head + "a,0,50,opne\na,1,51,shut\na,2,52,\n", spec=spec)


@pytest.mark.parametrize("name", ["cartpole", "gridworld", "tetris"])
def test_the_table_of_an_environment_comes_back_as_the_transitions_that_it_was_made_of(tmp_path, name):
    environment = open_environment(name, {"max_steps": 40} if name != "gridworld" else {})
    history = play(environment, environment.actors["random"], n_episodes=7, seed=3)
    spec = read_spec(environment.problem.loop_file())
    pq.write_table(history.to_table(), tmp_path / "h.parquet")

    prepared = prepare(tmp_path / "h.parquet", spec, read_options(repairs="keep-constant"))

    expected, steps = history.to_transitions(), to_transitions(prepared.history, spec)
    for column in ("state", "action", "action_value", "terminated", "truncated", "episode", "step", "propensity"):
        np.testing.assert_allclose(getattr(steps, column), getattr(expected, column), rtol=1e-6, err_msg=column)
    np.testing.assert_allclose(steps.next_state, expected.next_state, rtol=1e-6)
    later = steps.step > 0  # the cart-pole pays nothing for its first step, whatever the expression says
    np.testing.assert_allclose(steps.reward[later], expected.reward[later], atol=1e-5)


def test_a_csv_says_the_same_as_a_parquet_file(tmp_path, made, tank):
    table = pa.table({"batch": ["a", "a", "a"], "step": [0, 1, 2], "level": [50.0, 51.0, 53.0], "valve": [1.0, 2.0, 3.0]})
    pq.write_table(table, tmp_path / "tank.parquet")

    from_parquet = prepare(tmp_path / "tank.parquet", tank, read_options())

    assert from_parquet.history.equals(made(HEAD + "a,0,50,1\na,1,51,2\na,2,53,3\n").history)


@pytest.mark.parametrize("content", ["", "batch,batch\n1,2\n", HEAD, "\x00\x01\x02"])
def test_a_file_that_is_no_table_is_refused(made, content):
    with pytest.raises(Invalid, match=r"tank\.csv"):
        made(content)


FAR = HEAD + "a,0,50,1\na,1,-1e39,2\na,2,53,3\na,3,54,4\n"


def test_a_number_that_no_state_can_hold_is_refused_and_its_row_left_out_on_demand(faults, made, tank):
    unbounded = replace(tank, context={"level": Field(name="level", type="number")})
    told = "level: is beyond 3.4e+38, and a state of float32 cannot hold it, in 1 of 4 rows (row 2)."

    assert faults(FAR, spec=unbounded) == [f"{told} Mend the file, or ask for `--repair drop-nan`."]
    assert [row[2] for row in rows(made(FAR, spec=unbounded, repairs="drop-nan"))] == [53.0, 54.0]


def test_a_number_beyond_the_loops_own_bounds_is_brought_to_them_however_large(made):
    assert rows(made(FAR, repairs="clip-context"))[1][2] == 0.0
