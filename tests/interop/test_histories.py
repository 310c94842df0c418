"""Formats of episodes: what each of them promises, and how each reads what other systems wrote.

A new file in interop/histories is held to the promises without an edit.
"""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import minari
import numpy as np
import pyarrow.parquet as pq
import pytest

from episodes_of_a_cart import CART_SPEC, STEERED_SPEC, packed, states, transitions
from policyloop.core import plugins
from policyloop.core.errors import Invalid
from policyloop.core.loop import Field
from policyloop.core.spec_file import read_spec
from policyloop.core.state import StateEncoder
from policyloop.interop.histories import minari as minari_format
from policyloop.interop.histories import rllib
from policyloop.interop.histories import transitions as parquet
from policyloop.interop.whole_episode import WholeEpisode, columns_of, episodes_in, history_of
from policyloop.testing.histories import PROMISES
from small_network import CART

FAMILY = "policyloop.interop.histories"
SHARED_ROWS = Path(__file__).parents[3] / "shared" / "data" / "rllib_rows.jsonl"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", plugins.ours(FAMILY))
def test_it_keeps_its_promise(name, promise, tmp_path):
    promise(plugins.load(FAMILY, name), tmp_path)


@pytest.mark.parametrize("module", [rllib, parquet])
def test_formats_with_a_place_for_propensities_keep_them(module, tmp_path):
    module.write(tmp_path / "file", transitions(), CART_SPEC)

    assert module.read(tmp_path / "file", CART_SPEC)["propensity"].drop_null().to_pylist() == [0.25] * 5


def test_a_last_state_that_nobody_recorded_is_none():
    rows = transitions()
    is_known = np.arange(len(rows)) != 2  # the first episode's last

    first, second = episodes_in(replace(rows, is_next_known=is_known))

    assert (first.has_last_state, second.has_last_state) == (False, True)
    assert all(episode.has_last_state for episode in episodes_in(rows))


def test_transitions_say_of_a_last_state_that_nobody_recorded_that_it_is_none(tmp_path):
    rows = transitions()
    parquet.write(tmp_path / "file", replace(rows, is_next_known=np.arange(len(rows)) != 2), CART_SPEC)

    table = parquet.read(tmp_path / "file", CART_SPEC)

    assert pq.read_table(tmp_path / "file")["next_state"].is_valid().to_pylist() == [True, True, False, True, True]
    assert table["step"].to_pylist() == [0, 1, 2, 0, 1, 2]  # the second alone has a row without an action


def test_minari_itself_reads_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    minari_format.write(tmp_path / "local" / "cart-v0", transitions(), CART_SPEC)

    data = minari.load_dataset("local/cart-v0")

    first, second = list(data.iterate_episodes())
    assert (data.total_episodes, data.total_steps) == (2, 5)
    np.testing.assert_array_equal(first.observations, states(np.arange(4)))
    np.testing.assert_array_equal(first.rewards, [100, 101, 102])
    np.testing.assert_allclose(second.actions, [[0.10], [0.11]], atol=1e-6)
    assert (first.terminations.tolist(), first.truncations.tolist()) == ([False, False, True], [False] * 3)
    assert second.truncations.tolist() == [False, True]
    assert data.action_space.contains(np.float32([1.9]))


def test_an_episode_of_minari_that_ends_early_is_refused(tmp_path):
    minari_format.write(tmp_path / "set", transitions(), CART_SPEC)
    with h5py.File(tmp_path / "set" / "data" / "main_data.hdf5", "r+") as main:
        main["episode_0/terminations"][0] = True

    with pytest.raises(Invalid, match="episode_0, step 0: ends before its last step"):
        minari_format.read(tmp_path / "set", CART_SPEC)


def test_an_episode_whose_record_just_stops_was_truncated(tmp_path):
    minari_format.write(tmp_path / "set", transitions(), CART_SPEC)
    with h5py.File(tmp_path / "set" / "data" / "main_data.hdf5", "r+") as main:
        main["episode_1/truncations"][1] = False

    rows = minari_format.read(tmp_path / "set", CART_SPEC).to_pylist()

    assert [row["truncated"] for row in rows if row["episode_id"] == "1"] == [False, True, False]


def rows_of(**columns):
    """One line of RLlib's: an episode of three steps."""
    places = np.arange(3)
    given = {
        "type": "SampleBatch",
        "eps_id": [7] * 3,
        "obs": states(places).tolist(),
        "new_obs": states(places + 1).tolist(),
        "actions": [[0.1], [0.2], [0.3]],
        "rewards": [1.0, 2.0, 3.0],
        "dones": [False, False, True],
    } | columns
    return {name: value for name, value in given.items() if value is not None}


def read_rows(tmp_path, *lines, spec=CART_SPEC):
    file = tmp_path / "rows.json"
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return rllib.read(file, spec)


def test_packed_columns_are_read_like_plain_ones(tmp_path):
    plain = rows_of()
    columns = {name: packed(np.array(plain[name], dtype=np.float32)) for name in ("obs", "new_obs")}

    assert read_rows(tmp_path, rows_of(**columns)).equals(read_rows(tmp_path, plain))


def test_a_malicious_row_is_refused_by_its_line(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.write_text, (tmp_path / "witness", "run"))

    with pytest.raises(Invalid, match=r"rows.json, line 2: .*so it was not run"):
        read_rows(tmp_path, rows_of(), rows_of(obs=packed(Evil())))
    assert not (tmp_path / "witness").exists()


def test_the_reward_of_a_row_belongs_to_the_action_of_that_row_and_not_to_the_one_before(tmp_path):
    rows = read_rows(tmp_path, rows_of(prev_rewards=[0.0, 1.0, 2.0], prev_actions=[[0.0], [0.1], [0.2]])).to_pylist()

    assert [(row["action_value"], row["outcomes"]["reward"]) for row in rows[:3]] == [([0.1], 1.0), ([0.2], 2.0), ([0.3], 3.0)]


def test_the_last_state_is_recorded(tmp_path):
    rows = read_rows(tmp_path, rows_of()).to_pylist()

    assert len(rows) == 4
    assert rows[3]["context"]["x"] == 3.0
    assert rows[3]["action_value"] is None
    assert len(read_rows(tmp_path, rows_of(new_obs=None))) == 3  # nobody recorded it, and nobody makes one up


def test_done_at_the_time_limit_is_no_real_end(tmp_path):
    limited = read_spec(CART | {"episodes": {"max_steps": 3}})

    (_, _, last, _) = read_rows(tmp_path, rows_of(), spec=limited).to_pylist()
    (_, _, really, _) = read_rows(tmp_path, rows_of(), spec=read_spec(CART | {"episodes": {"max_steps": 4}})).to_pylist()

    assert (last["terminated"], last["truncated"]) == (False, True)
    assert (really["terminated"], really["truncated"]) == (True, False)


def test_newer_rows_tell_both_ends_apart(tmp_path):
    ends = {"dones": None, "terminateds": [False] * 3, "truncateds": [False, False, True]}

    (_, _, last, _) = read_rows(tmp_path, rows_of(**ends)).to_pylist()

    assert (last["terminated"], last["truncated"]) == (False, True)


def test_pieces_of_an_episode_are_put_together_by_their_steps(tmp_path):
    whole = rows_of(t=[0, 1, 2])
    pieces = [{k: v if isinstance(v, str) else [v[i]] for k, v in whole.items()} for i in (2, 0, 1)]

    assert read_rows(tmp_path, *pieces).equals(read_rows(tmp_path, whole))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"new_obs": states(np.array([1, 9, 3])).tolist()},
            r"what came of step 1 of episode 7 .* is not the state of its next row",
        ),
        ({"dones": [True, False, True]}, "ends at step 0 and goes on"),
        ({"rewards": None}, "misses rewards"),
        ({"rewards": [1.0]}, "columns of different lengths"),
        ({"actions": [["a"], ["b"], ["c"]]}, "`actions` is no list of numbers"),
        ({"actions": [[0.1], [9.0], [0.2]]}, "episode 7, step 1: force is 9.0; expected -2.0 to 2.0, the loop's box"),
        ({"actions": [[0.1, 1], [0.1, 1], [0.2, 1]]}, r"actions of shape \(2,\); expected 1 number each"),
        ({"rewards": [1.0, float("nan"), 1.0]}, "episode 7, step 1: a reward is no number"),
        ({"obs": [[1, 2]] * 3, "new_obs": [[1, 2]] * 3}, "has states of 2 numbers; the loop's context makes 3"),
    ],
)
def test_rows_that_do_not_fit_are_named(tmp_path, changed, said):
    with pytest.raises(Invalid, match=said):
        read_rows(tmp_path, rows_of(**changed))


def test_what_is_no_row_is_named_by_its_line(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(rows_of()) + "\nhello\n[1]\n")

    with pytest.raises(Invalid, match=r"(?s)rows.json, line 2: .*rows.json, line 3: is no object"):
        rllib.read(tmp_path / "rows.json", CART_SPEC)


def test_a_file_of_something_else_is_told_once(tmp_path):
    (tmp_path / "rows.csv").write_text("episode,step,level\n" + "1,0,2.5\n" * 30)

    with pytest.raises(Invalid) as refused:
        rllib.read(tmp_path / "rows.csv", CART_SPEC)

    (fault,) = refused.value.faults
    assert (fault.where, fault.code) == ("rows.csv, line 1", "unreadable")
    assert fault.message.startswith("begins with 'episode,step,level' and is no JSON (expecting value); expected an object")


@pytest.mark.skipif(not SHARED_ROWS.exists(), reason=f"needs {SHARED_ROWS.name} of the shared data")
def test_rows_of_a_real_log_are_read_where_they_lie():
    fields = dict.fromkeys(("x", "v", "th", "w", "goal"), "number")
    spec = read_spec(
        CART | {"context": fields, "outcomes": {"reward": "number"}, "reward": {"expression": "reward", "range": [0, 13]}}
    )

    rows = rllib.read(SHARED_ROWS, spec).to_pylist()

    assert len(rows) == 4
    assert rows[0]["context"]["x"] == 0.4212790641025132
    assert rows[1]["context"]["x"] == 0.44194222264410726
    assert [round(row["outcomes"]["reward"], 2) for row in rows[:3]] == [11.98, 11.87, 11.21]
    assert [row["truncated"] for row in rows] == [False, False, True, False]


def test_transitions_come_as_columns_that_any_program_reads(tmp_path):
    parquet.write(tmp_path / "rows.parquet", transitions(), CART_SPEC)

    table = pq.read_table(tmp_path / "rows.parquet")

    assert table["reward"].to_pylist() == [100, 101, 102, 110, 111]
    assert table["state"].to_pylist()[1] == [1.0, -1.0, 0.5]
    assert table["next_state"].to_pylist()[0] == [1.0, -1.0, 0.5]
    assert table["terminated"].to_pylist() == [False, False, True, False, False]
    assert table["truncated"].to_pylist() == [False, False, False, False, True]


def test_rows_of_transitions_may_come_in_any_order_but_none_may_be_missing(tmp_path):
    parquet.write(tmp_path / "rows.parquet", transitions(), CART_SPEC)
    table = pq.read_table(tmp_path / "rows.parquet")
    pq.write_table(table.take([1, 0, 2, 4, 3]), tmp_path / "mixed.parquet")
    pq.write_table(table.take([0, 2, 3, 4]), tmp_path / "gap.parquet")
    pq.write_table(table.drop_columns(["reward"]), tmp_path / "less.parquet")

    whole, mixed = (parquet.read(tmp_path / f"{name}.parquet", CART_SPEC) for name in ("rows", "mixed"))
    assert mixed.equals(whole)
    with pytest.raises(Invalid, match="episode 0: step 0 is followed by 2"):
        parquet.read(tmp_path / "gap.parquet", CART_SPEC)
    with pytest.raises(Invalid, match="has no column reward"):
        parquet.read(tmp_path / "less.parquet", CART_SPEC)


def test_every_kind_of_field_comes_out_of_a_state_as_it_went_in():
    fields = [
        Field(name="x", type="number"),
        Field(name="n", type="integer", optional=True),
        Field(name="on", type="boolean"),
        Field(name="gear", type="category", values=("low", "high"), optional=True),
        Field(name="lamp", type="category", values=("red", "green")),
        Field(name="map", type="tensor", shape=(2, 2), dtype="uint8"),
    ]
    contexts = [
        {"x": 1.5, "n": 3, "on": True, "gear": "high", "lamp": "red", "map": [[0, 1], [2, 3]]},
        {"x": -1.0, "n": None, "on": False, "gear": None, "lamp": "green", "map": [[4, 5], [6, 7]]},
    ]
    encoder = StateEncoder.of(fields)

    columns = columns_of(encoder.encode_many(contexts), encoder)

    told = [
        dict(zip(columns, row, strict=True)) for row in zip(*(column.to_pylist() for column in columns.values()), strict=True)
    ]
    assert told == contexts


def test_labels_out_of_range_and_no_episodes_at_all_are_refused():
    spec = STEERED_SPEC
    episode = WholeEpisode(
        id="a", state=states(np.arange(3)), action=np.array([0, 2]), reward=np.zeros(2), terminated=True, truncated=False
    )

    with pytest.raises(Invalid, match="episode a, step 1: the action is 2; expected the place of one of 2 labels, from 0 to 1"):
        history_of([episode], spec)
    with pytest.raises(Invalid, match="holds no episode"):
        history_of([], spec)
