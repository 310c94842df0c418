"""The page on the log check is true: its code prints what the page says, and every reason has its row."""

import re
from pathlib import Path

from policyloop.gate.checks import calibration, contract, overrides, sides, truth, weights
from policyloop.gate.logcheck import MODELS

PAGE = (Path(__file__).parents[2] / "docs" / "log-check.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_page_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (said,) = re.findall(r"```\n(True\n.*?)```", PAGE, re.DOTALL)

    exec(compile(code, "log-check.md", "exec"), {})

    assert capsys.readouterr().out == said


def test_every_reason_is_explained():
    names = [contract.NAME, truth.NAME, weights.NAME, calibration.NAME, sides.SPLIT, sides.JOINED]

    assert re.findall(r"^\| `(log-[a-z]+)` \|", PAGE, re.MULTILINE) == [*names, overrides.EXECUTED, overrides.CONFLICTS]
    assert f"`{MODELS}` is a note" in PAGE


def test_the_chance_of_a_false_alarm_is_that_of_all_checks_together():
    claims = (
        truth.CLAIM,
        weights.CLAIM,
        calibration.begin(3).wealth.claim,
        sides.begin().split.claim,
        sides.begin().joined.claim,
    )

    assert sum(claim.alpha for claim in claims) <= 0.003 + 1e-12
    assert "with probability at most .003" in PAGE


def test_thresholds_are_those_of_the_code():
    assert f"more than {100 * overrides.MOST_EXECUTED:g} % of its decisions" in PAGE
    assert f"more than {100 * overrides.MOST_CONFLICTS:g} % were logged twice" in PAGE
