"""Names that nobody has: the nearest is suggested, and what can be no name is cut short."""

import pytest

from policyloop.core.errors import UnknownDecision, UnknownLoop, UnknownModel, unknown


def test_the_nearest_name_is_suggested_else_all_are_listed():
    assert unknown("explorer", "linub", ["linucb", "greedy"]) == "no explorer is named 'linub'; did you mean 'linucb'?"
    assert unknown("explorer", "x", ["linucb", "greedy"]) == "no explorer is named 'x'; known: greedy, linucb."
    assert unknown("loop", "x", []) == "no loop is named 'x'; known: none yet."


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a" * 100_000, "'" + "a" * 60 + "'..."), ("a\nb", "'a\\nb'"), ("\ud800" * 200, "'" + "\\ud800" * 60 + "'...")],
    ids=["long", "of two lines", "no Unicode"],
)
def test_what_can_be_no_name_is_shown_in_part_and_escaped(name, shown):
    loop, model, decision = UnknownLoop(name, ["front-page"]), UnknownModel("front-page", name), UnknownDecision(name)

    assert str(loop) == f"no loop is named {shown}."
    assert str(model) == f"loop 'front-page' has no model {shown}; `policyloop models front-page` lists them."
    assert str(decision).startswith(f"no decision has the id {shown}, in the tables")
    str(loop).encode()
