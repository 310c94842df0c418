"""The page about evaluation is true: its code prints what it says, its tables name all there is, its bounds are the code's."""

import re
from pathlib import Path

import pytest
from typer import Typer
from typer.main import get_command

from policyloop.cli.commands import evaluate
from policyloop.core import plugins
from policyloop.evaluate import belief, slices
from policyloop.evaluate.compare import ESTIMATORS
from policyloop.evaluate.cross_fitted import N_FOLDS
from policyloop.evaluate.reading import INTERVALS, names_in_order

PAGE = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")


def rows_under(title):
    """First cells of the table under a heading, without the marks of code."""
    section = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_the_code_prints_what_the_page_says(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (printed,) = re.findall(r"^prints\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    exec(compile(code, "docs/evaluate.md", "exec"), {})

    assert capsys.readouterr().out == printed


def test_every_estimator_and_every_interval_is_told():
    assert rows_under("Estimators") == names_in_order()[: len(plugins.ours(ESTIMATORS))]
    assert sorted(rows_under("Intervals")) == sorted(plugins.as_written(INTERVALS, name) for name in plugins.ours(INTERVALS))


def test_each_interval_promises_what_the_page_says():
    for name, promise in re.findall(r"^\| `([a-z-]+)` \| (exact|asymptotic),", PAGE, re.MULTILINE):
        assert (promise == "exact") == plugins.load(INTERVALS, name).IS_EXACT


def test_every_answer_and_every_bound_is_the_codes():
    assert sorted(rows_under("May it be believed?")) == sorted(belief.Answer)
    bounds = [
        f"an effective sample below {belief.FEWEST};",
        f"an effective sample below {belief.FEW};",
        f"over {belief.SOME_BY_ONE:.0%}".replace("%", " %") + " by one example",
        f"over {belief.MUCH_UNSUPPORTED:.0%}".replace("%", " %"),
        f"over {belief.SOME_UNSUPPORTED:.1%}".replace("%", " %"),
        f"over {belief.FAR_OFF:g} standard errors",
        f"over {belief.OFF:g} standard errors",
        f"the {slices.MOST_SLICES} most",
    ]
    assert [bound for bound in bounds if bound not in PAGE] == []
    assert (belief.MUCH_BY_ONE, N_FOLDS, slices.N_BINS) == (0.5, 5, 4)


@pytest.mark.parametrize("option", sorted(set(re.findall(r" (--[a-z]+)", PAGE))))
def test_every_option_is_one_of_the_commands(option):
    app = Typer()
    app.command()(evaluate.run)

    assert option in {name for parameter in get_command(app).params for name in parameter.opts}
