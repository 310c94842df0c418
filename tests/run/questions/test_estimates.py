"""Estimates of policies: which rows speak, which predictions are taken, and what comes out for loops with candidates."""

import json

import numpy as np
import pytest

from empty_records import with_records
from policyloop.core.errors import Invalid, UnknownModel, UnknownName
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from policyloop.run.questions.estimates import Asked, estimates_beside_baseline, estimates_of

MARKET = {
    "loop": "market",
    "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
    "actions": {"kind": "candidates", "features": {"price": "number"}, "ids": ["pear"]},
    "outcomes": {"bought": {"type": "boolean", "take": "max"}},
}


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(with_records(tmp_path / "data"))) as opened:
        opened.registry.apply(read_spec(MARKET))
        yield opened


def decision(i, rng):
    """The pear is bought in four of ten cases, the plum in one; two or three are offered, chosen evenly."""
    offered = ["pear", "plum", "fig"][: 2 + i % 2]
    taken = int(rng.integers(len(offered)))
    is_bought = rng.random() < {"pear": 0.4, "plum": 0.1, "fig": 0.1}[offered[taken]]
    order = [taken + 1, *(place for place in range(1, len(offered) + 1) if place != taken + 1)]
    multi = [{"_tag": name, "action": {"price": 1.0 + len(name)}} for name in offered]
    return {
        "_label_cost": -float(is_bought),
        "EventId": f"e{i}",
        "a": order,
        "p": [1 / len(offered)] * len(offered),
        "c": {"context": {"hour": 9}, "_multi": multi},
    }


@pytest.fixture
def log(tmp_path):
    rng = np.random.default_rng(7)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(decision(i, rng)) + "\n" for i in range(1500)))
    return Asked(data=tmp_path / "log.jsonl")


def test_policies_over_candidates_are_estimated_from_a_file(deployment, log):
    pear, uniform = estimates_of(deployment, "market", ["constant:pear", "uniform"], asked=log)

    first = pear.reading.lines[0]
    assert abs(first.estimate.value - 0.4) < 4 * first.estimate.stderr
    assert abs(uniform.values[0].value - (0.25 + 0.2) / 2) < 4 * uniform.values[0].stderr
    assert pear.reading.belief.answer == "yes"
    assert uniform.reading.overlap.ess == pytest.approx(1500)  # it is what the log did


def test_each_policy_is_estimated_once_in_the_order_in_which_it_was_named(deployment, log):
    found = estimates_of(deployment, "market", ["uniform", "baseline", "uniform"], asked=log)

    assert [one.model for one in found] == ["uniform", "baseline"]


def test_without_a_model_the_baseline_stands_alone(deployment, log):
    assert [one.model for one in estimates_beside_baseline(deployment, "market", asked=log)] == ["baseline"]


def test_decisions_that_were_put_off_or_made_by_the_fallback_do_not_speak(deployment, tmp_path):
    rng = np.random.default_rng(1)
    lines = [decision(i, rng) for i in range(40)]
    lines[3]["_skipLearn"] = True
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    (found,) = estimates_of(deployment, "market", ["uniform"], asked=Asked(data=tmp_path / "some.jsonl"))

    assert found.logged.n == 39


@pytest.mark.parametrize(("model", "error"), [("constant:apple", UnknownName), ("3f9a", UnknownModel)])
def test_an_unknown_policy_is_said_to_be_so(deployment, log, model, error):
    with pytest.raises(error):
        estimates_of(deployment, "market", [model], asked=log)


def test_a_file_that_does_not_fit_the_loop_is_refused(deployment, tmp_path):
    (tmp_path / "log.csv").write_text("reward,event_id,action,action_prob,observation\n")

    with pytest.raises(Invalid, match="expected Parquet for a loop whose actions are candidates"):
        estimates_of(deployment, "market", ["uniform"], asked=Asked(data=tmp_path / "log.csv"))
