"""Examples of a file: read like an import, held in memory, and written nowhere."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policyloop.core.errors import Invalid
from policyloop.core.rng import keyed_uniform
from policyloop.core.spec_file import read_spec
from policyloop.run.questions.file_examples import examples_of_file

LOOP = {
    "loop": "front-page",
    "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
    "actions": {"labels": ["calm", "bold", "loud"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
}
SPEC = read_spec(LOOP)
SALT = b"salt"
HEAD = "reward,event_id,action,action_prob,observation\n"


@pytest.fixture
def read(tmp_path):
    def reading(text, *, name="log.csv", spec=SPEC):
        (tmp_path / name).write_text(text)
        return examples_of_file(tmp_path / name, spec, salt=SALT, now_us=1_700_000_000_000_000)

    return reading


def test_rows_of_a_csv_are_examples(read):
    got = read(HEAD + '1,e1,1,0.5,[9]\n,e2,3,0.25,"{""hour"": 11}"\n')

    assert got.contexts == [{"hour": 9}, {"hour": 11}]
    assert got.action.tolist() == [0, 2]
    assert got.reward.tolist() == [1.0, 0.0]
    assert got.propensity.tolist() == [0.5, 0.25]
    assert np.isnan(got.pmf).all()  # the file tells the chance of the action taken alone
    assert got.allowed.all()


def test_a_row_has_the_split_that_it_would_have_if_it_were_imported(read):
    got = read(HEAD + "1,e1,1,0.5,[9]\n")

    assert got.split.tolist() == [keyed_uniform(SALT, "front-page", "e1", "split")]


def test_whole_pmfs_come_with_dsjson(read):
    line = {
        "_label_cost": -1,
        "EventId": "e1",
        "a": [2, 1, 3],
        "p": [0.5, 0.3, 0.2],
        "c": {"hour": 9, "_multi": [{"_tag": label} for label in ("calm", "bold", "loud")]},
    }

    got = read(json.dumps(line) + "\n", name="log.jsonl")

    assert got.action.tolist() == [1]
    np.testing.assert_allclose(got.pmf, [[0.3, 0.5, 0.2]])
    assert got.reward.tolist() == [1.0]


def test_parquet_is_read_with_its_outcomes(tmp_path):
    rows = {
        "decision_id": ["d1", "d2"],
        "context": ['{"hour": 1}', '{"hour": 2}'],
        "action": ["bold", "calm"],
        "pmf": [[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]],
        "propensity_kind": ["probability", "probability"],
        "reward": [1.0, 0.0],
        "is_rewarded": [True, True],
    }
    pq.write_table(pa.table(rows), tmp_path / "log.parquet")

    got = examples_of_file(tmp_path / "log.parquet", SPEC, salt=SALT, now_us=1_700_000_000_000_000)

    assert got.action.tolist() == [1, 0]
    assert got.propensity.tolist() == [0.5, 1.0]
    assert got.reward.tolist() == [1.0, 0.0]


def test_all_that_is_wrong_is_told_with_row_and_value(read):
    with pytest.raises(Invalid) as caught:
        read(HEAD + "1,e1,1,0.5,[9]\n1,e1,1,0.5,[9]\n1,e3,1,1.5,[9]\n1,e4,1,nan,[9]\n1,e5,9,0.5,[9]\n1,e6,1,0.5,[99]\n")

    told = [f"{fault.where}: {fault.message}" for fault in caught.value.faults]
    assert len(told) == 5
    assert told[0] == "row 2.decision_id: is 'e1', which row 1 has already; expected each decision once."
    assert told[1].startswith("row 3.propensity: is 1.5; expected a probability in (0, 1].")
    assert told[2].startswith("row 4: action_prob is 'nan'")
    assert told[3].startswith("row 5: action is '9'")
    assert told[4] == "row 6.context.hour: is 99; expected a whole number from 0 to 23."


def test_a_pmf_that_does_not_sum_to_one_is_refused(tmp_path):
    rows = {"context": ['{"hour": 1}'], "action": [0], "pmf": [[0.5, 0.4, 0.3]], "propensity_kind": ["probability"]}
    pq.write_table(pa.table(rows), tmp_path / "log.parquet")

    with pytest.raises(Invalid, match=r"row 1\.pmf: sums to 1\.2; expected 1 within 1e-06"):
        examples_of_file(tmp_path / "log.parquet", SPEC, salt=SALT, now_us=1_700_000_000_000_000)


def test_decisions_without_a_propensity_are_left_out_and_a_file_of_them_is_refused(read):
    kept = read(HEAD + "1,e1,1,0.5,[9]\n1,e2,1,,[9]\n")

    assert len(kept) == 1
    with pytest.raises(Invalid, match="has no decision whose propensity is told"):
        read(HEAD + "1,e2,1,,[9]\n")


def test_an_ending_that_stands_for_no_format_asks_for_its_name(read):
    with pytest.raises(Invalid, match=r"--format: is missing, and 'log.txt' does not end in \.csv \(joined-csv\)"):
        read(HEAD, name="log.txt")
