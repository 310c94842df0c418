"""Joined CSV: each line says what was decided and what came of it, or what is wrong with it."""

import pytest

from policyloop.core.errors import Fault, Invalid
from policyloop.interop.formats import joined_csv

HEAD = '"reward","event_id","action","action_prob","model_id","observation","sample_prob"\n'
GOOD = '"1.0","e1","2","0.7","m-3","[9, ""phone"", 1]","0.25"\n'


@pytest.fixture
def read(tmp_path, loop):
    def rows(text, *, spec=None, outcome=None):
        file = tmp_path / "joined.csv"
        file.write_text(text)
        return list(joined_csv.read(file, spec or loop(), policy="old", outcome=outcome))

    return rows


def test_a_line_becomes_a_decision_and_its_outcome(read):
    (row,) = read(HEAD + GOOD)

    assert row.where == "row 1"
    assert (row.decision.decision_id, row.decision.action, row.decision.policy) == ("e1", "bold", "m-3")
    assert row.decision.context == {"hour": 9, "device": "phone", "is_new": True}
    assert (row.decision.propensity, row.decision.propensity_kind, row.decision.pmf) == (0.7, "estimated", None)
    assert row.outcomes == {"clicked": True}


def test_a_line_without_a_reward_is_a_decision_without_outcomes(read):
    (row,) = read(HEAD + GOOD.replace('"1.0"', '""'))

    assert row.outcomes == {}


def test_with_two_actions_the_pmf_is_known(read, loop):
    (row,) = read(HEAD + GOOD, spec=loop(labels=("calm", "bold")))

    assert row.decision.pmf == pytest.approx([0.3, 0.7])
    assert row.decision.propensity_kind == "probability"


def test_a_certain_action_has_a_known_pmf(read):
    (row,) = read(HEAD + GOOD.replace('"0.7"', '"1"'))

    assert row.decision.pmf == [0.0, 1.0, 0.0]


def test_an_unknown_probability_stays_unknown(read):
    (row,) = read(HEAD + GOOD.replace('"0.7"', '""'))

    assert (row.decision.propensity, row.decision.propensity_kind) == (None, "unknown")


def test_an_observation_may_go_by_name_and_columns_may_be_missing(read):
    (row,) = read('reward,event_id,action,action_prob,observation\n0,e1,1,0.5,"{""hour"": 3.0}"\n')

    assert row.decision.context == {"hour": 3}
    assert row.decision.policy == "old"
    assert row.outcomes == {"clicked": False}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD.replace('"2"', '"0"'), "action is '0'; expected a whole number from 1 to 3, as the loop has 3 actions."),
        (GOOD.replace('"2"', '"bold"'), "action is 'bold'; expected a whole number from 1 to 3, as the loop has 3 actions."),
        (GOOD.replace('"0.7"', '"nan"'), "action_prob is 'nan'; expected the chance in (0, 1] that the action really had."),
        (GOOD.replace('"1.0"', '"much"'), "reward is 'much'; expected a number, or nothing where none came."),
        (GOOD.replace("[9, ", "["), "observation has 2 values; expected 3, one per field of the loop."),
        (GOOD.replace("[9, ", "[9 "), "observation is not JSON"),
        (
            GOOD.replace('"[9, ""phone"", 1]"', '"9"'),
            "observation is neither a JSON list nor an object; expected one of these.",
        ),
        ('"1","e1"\n', "has another number of cells than the first line; expected the same."),
        (GOOD.rstrip() + ',"more"\n', "has another number of cells than the first line; expected the same."),
    ],
)
def test_a_wrong_line_is_a_fault_and_the_next_is_read(read, line, message):
    fault, row = read(HEAD + line + GOOD)

    assert isinstance(fault, Fault)
    assert fault.where == "row 1"
    assert fault.message.startswith(message)
    assert row.decision.decision_id == "e1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("reward", "rewrd"), "no column of a joined CSV is named 'rewrd'; did you mean 'reward'?"),
        ("a,b\n", "has no column reward, event_id, action, action_prob, observation; expected reward, event_id,"),
        ("", "has no column reward"),
        (HEAD + '"1', "is not CSV: unexpected end of data."),
    ],
)
def test_a_file_of_another_shape_is_refused(read, text, message):
    with pytest.raises(Invalid) as caught:
        read(text)

    assert message in str(caught.value)


def test_a_missing_file_is_told(tmp_path, loop):
    with pytest.raises(Invalid, match="cannot be read: No such file or directory; expected a CSV file"):
        list(joined_csv.read(tmp_path / "x.csv", loop(), policy="p", outcome=None))


def test_with_several_outcomes_the_rewards_name_must_be_given(read, loop):
    spec = loop(outcomes={"clicked": "boolean", "paid": "number"}, reward={"expression": "clicked", "range": [0, 1]})

    with pytest.raises(Invalid, match="--outcome: is missing; expected which outcome the reward column is: clicked, paid"):
        read(HEAD + GOOD, spec=spec)
    with pytest.raises(Invalid, match="--outcome: is 'piad'; expected one of clicked, paid"):
        read(HEAD + GOOD, spec=spec, outcome="piad")
    assert read(HEAD + GOOD, spec=spec, outcome="paid")[0].outcomes == {"paid": 1.0}
