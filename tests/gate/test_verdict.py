"""Verdicts: the strictest reason decides, and JSON keeps every word and number."""

import json
import math

import pytest

from policyloop.core.estimate import Estimate
from policyloop.gate.verdict import Call, Reason, Verdict, by_person, from_json, to_json, verdict_of


def reason(call: Call, sentence: str = "said.") -> Reason:
    return Reason(name="rule", call=call, sentence=sentence)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([Call.PROMOTE, Call.PROMOTE], Call.PROMOTE),
        ([Call.PROMOTE, Call.INCONCLUSIVE], Call.INCONCLUSIVE),
        ([Call.INCONCLUSIVE, Call.RETIRE, Call.PROMOTE], Call.RETIRE),
        ([Call.RETIRE, Call.REFUSE], Call.REFUSE),
        ([Call.INCONCLUSIVE, Call.ROLLBACK], Call.ROLLBACK),
        ([], Call.INCONCLUSIVE),
    ],
)
def test_the_strictest_reason_decides(calls, expected):
    assert verdict_of(tuple(reason(call) for call in calls)) == expected


def test_json_and_back_is_the_same_verdict():
    verdict = Verdict(
        kind="refresh",
        call=Call.RETIRE,
        model="ab" * 16,
        champion=None,
        anchor="cd" * 16,
        reasons=(Reason(name="no-harm", call=Call.RETIRE, sentence="harm.", numbers={"upper": -0.1, "visible": None}),),
        n_evidence=7,
        evidence_until=1_700_000_000_000_000,
        estimates={"challenger": Estimate("dr", 0.5, 0.1, 7, 3.5)},
    )

    assert from_json(to_json(verdict)) == verdict


def test_numbers_that_json_cannot_say_come_back_as_they_were():
    verdict = Verdict(
        kind="refresh",
        call=Call.PROMOTE,
        model="m",
        champion="c",
        anchor="c",
        reasons=(),
        estimates={"challenger": Estimate("dr", math.nan, math.inf, 0, 0.0)},
    )

    got = from_json(to_json(verdict)).estimates["challenger"]

    assert math.isnan(got.value)
    assert got.stderr == math.inf


def test_json_says_for_each_rule_whether_it_passed():
    verdict = by_person(Call.PROMOTE, model="m", champion="c", anchor="a", why="the shop asked for it")

    got = json.loads(to_json(verdict))

    assert got["verdict"] == "PROMOTE"
    assert got["reasons"] == [
        {
            "name": "person",
            "verdict": "PROMOTE",
            "passed": True,
            "sentence": "promoted by a person: the shop asked for it",
            "numbers": {},
            "is_check": False,
        }
    ]


def test_the_sentence_is_that_of_the_reasons_that_decided():
    verdict = Verdict(
        kind="refresh",
        call=Call.RETIRE,
        model="m",
        champion="c",
        anchor="a",
        reasons=(reason(Call.PROMOTE, "All is well."), reason(Call.RETIRE, "Harm."), reason(Call.RETIRE, "More harm.")),
    )

    assert verdict.sentence == "Harm. More harm."
