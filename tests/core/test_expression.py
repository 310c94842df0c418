"""Reward expressions: safe arithmetic over outcomes, with bounds that hold and errors that point at the place."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import BadExpression
from policyloop.core.expression import Expression
from policyloop.core.expression_parser import Parser

NAMES = ("clicked", "dwell_s", "paid")
UNBOUNDED = (-math.inf, math.inf)


def value(text, **columns):
    return float(Expression.parse(text, tuple(columns) or NAMES).evaluate(columns))


def bounds(text, **ranges):
    return Expression.parse(text, ranges).bounds(ranges)


def complaint(text, names=NAMES):
    with pytest.raises(BadExpression) as caught:
        Expression.parse(text, names)
    return str(caught.value)


def test_the_designs_own_example_gives_the_reward_worked_out_by_hand():
    got = Expression.parse("clicked + 0.1 * min(dwell_s, 60) / 60", NAMES).evaluate(
        {"clicked": np.array([0.0, 1.0, 1.0]), "dwell_s": np.array([0.0, 30.0, 500.0])}
    )

    np.testing.assert_allclose(got, [0.0, 1.05, 1.1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("16 / 4 / 2", 2.0),
        ("-2 ** 2", -4.0),
        ("(-2) ** 2", 4.0),
        ("4 ** -0.5", 0.5),
        ("2 * -3", -6.0),
        ("--2", 2.0),
        (".5 + 5. + 1e-1", 5.6),
        ("abs(-3)", 3.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1, 2)", 3.0),
        ("clip(7, 0, 5)", 5.0),
        ("sqrt(9)", 3.0),
        ("log1p(0)", 0.0),
        ("exp(0)", 1.0),
        ("where(2 > 1, 10, 20)", 10.0),
        ("10 if 2 < 1 else 20", 20.0),
        ("1 if 0 else 2 if 0 else 3", 3.0),
        ("3 >= 3", 1.0),
        ("3 <= 2", 0.0),
        ("3 == 3", 1.0),
        ("3 != 3", 0.0),
        ("not 3 > 2", 0.0),
        ("1 and 0 or 1", 1.0),
        ("1 - (2 > 1)", 0.0),
    ],
)
def test_operators_and_functions_mean_what_they_mean_in_arithmetic(text, expected):
    assert value(text) == pytest.approx(expected, abs=1e-15)


def test_an_expression_without_names_still_gives_one_value_per_row():
    got = Expression.parse("0.5", NAMES).evaluate({"clicked": np.zeros(3)})

    np.testing.assert_array_equal(got, [0.5, 0.5, 0.5])


def test_scalars_give_a_scalar():
    assert Expression.parse("clicked * 2", NAMES).evaluate({"clicked": 1.0}).shape == ()


def test_the_names_used_are_listed_once_in_order():
    assert Expression.parse("paid + clicked * paid", NAMES).names == ("paid", "clicked")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("clicked+0.10*min(dwell_s,60)/60", "clicked + 0.1 * min(dwell_s, 60) / 60"),
        ("((clicked))", "clicked"),
        ("1-(2-3)", "1 - (2 - 3)"),
        ("(1-2)-3", "1 - 2 - 3"),
        ("2*(clicked+1)", "2 * (clicked + 1)"),
        ("(-paid)**2", "(-paid) ** 2"),
        ("paid**-2", "paid ** -2"),
        ("paid if clicked else 0", "where(clicked, paid, 0)"),
        ("not (clicked and paid)", "not (clicked and paid)"),
        ("(clicked < 1) == 0", "(clicked < 1) == 0"),
        ("+paid", "paid"),
    ],
)
def test_the_canonical_text_has_one_spelling_and_no_needless_brackets(text, canonical):
    assert Expression.parse(text, NAMES).text == canonical


def test_two_spellings_of_one_expression_are_equal():
    assert Expression.parse("clicked+(1)", NAMES) == Expression.parse("clicked + 1", NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clikced + 1", "column 1 of 'clikced + 1': no outcome is named 'clikced'; did you mean 'clicked'?"),
        ("1 + mim(paid, 1)", "column 5 of '1 + mim(paid, 1)': no function is named 'mim'; did you mean 'min'?"),
        ("1 + frobnicate(paid)", "known: abs, clip, exp, log1p, max, min, sqrt, where."),
        ("paid + ", "column 8 of 'paid + ': found the end; expected a number, a name or '('"),
        ("", "column 1 of '': found the end; expected a number, a name or '('"),
        (
            "paid clicked",
            "column 6 of 'paid clicked': 'clicked' does not belong here; expected an operator such as + or the end",
        ),
        ("10m", "column 3 of '10m': 'm' right after a number; expected an operator such as * between them"),
        ("(paid", "column 6 of '(paid': found the end; expected ')'"),
        ("paid = 1", "column 6 of 'paid = 1': '=' has no meaning here; write == to compare"),
        ("paid % 2", "'%' has no meaning here; there is no remainder"),
        ("paid # 2", "'#' has no meaning here; expected a number, a name or + - * / ( )"),
        ("'paid'", "there is no text in a reward, only numbers"),
        ("paid.__class__", "column 5 of 'paid.__class__': '.' has no meaning here"),
        ("__import__(1)", "no function is named '__import__'; known:"),
        ("0 < paid < 1", "column 10 of '0 < paid < 1': comparisons do not chain; write `a < b and b < c`"),
        ("paid ** clicked", "column 9 of 'paid ** clicked': an exponent must be a plain number from -8 to 8"),
        ("paid ** 9", "an exponent must be a plain number from -8 to 8"),
        ("2 ** 3 ** 2", "an exponent must be a plain number from -8 to 8"),
        ("abs(1, 2)", "column 1 of 'abs(1, 2)': abs() got 2 arguments; expected 1"),
        ("min(1)", "min() got 1 arguments; expected 2 to 16"),
        ("sqrt + 1", "'sqrt' is a function; expected '(' after it"),
        ("paid if clicked", "expected 'else': a choice reads `a if condition else b`"),
        ("1e300", "the number 1e300 is too large; expected at most 1e+100"),
        ("1" * 3000, "the expression has 3000 characters; expected at most 2000"),
        ("(" * 500 + "1" + ")" * 500, "the expression is nested more than 32 deep"),
        ("-" * 500 + "1", "the expression is nested more than 32 deep"),
        ("not " * 400 + "1", "the expression is nested more than 32 deep"),
        ("1" + "+1" * 900, "the expression has more than 200 numbers, names and operations"),
        ("1 if 1 else " * 100 + "1", "the expression is nested more than 32 deep"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_the_way_out(text, expected):
    assert expected in complaint(text)


@pytest.mark.parametrize(
    ("text", "ranges", "expected"),
    [
        ("clicked + 0.1 * min(dwell_s, 60) / 60", {"clicked": (0, 1), "dwell_s": (0, math.inf)}, (0.0, 1.1)),
        ("paid", {"paid": UNBOUNDED}, UNBOUNDED),
        ("paid * 0", {"paid": UNBOUNDED}, (0.0, 0.0)),
        ("-paid", {"paid": (0, math.inf)}, (-math.inf, 0.0)),
        ("paid ** 2", {"paid": (-2, 1)}, (0.0, 4.0)),
        ("abs(paid)", {"paid": (-2, 1)}, (0.0, 2.0)),
        ("abs(paid)", {"paid": (-2, -1)}, (1.0, 2.0)),
        ("paid * paid", {"paid": (-2, 1)}, (-2.0, 4.0)),
        ("1 / paid", {"paid": (2, 4)}, (0.25, 0.5)),
        ("max(paid, 3)", {"paid": (2, 4)}, (3.0, 4.0)),
        ("clip(paid, 0, 1)", {"paid": UNBOUNDED}, (0.0, 1.0)),
        ("where(paid > 1, 10, 0)", {"paid": (2, 4)}, (10.0, 10.0)),
        ("where(paid > 3, 10, 0)", {"paid": (2, 4)}, (0.0, 10.0)),
        ("sqrt(paid)", {"paid": (4, 9)}, (2.0, 3.0)),
        ("paid == 3", {"paid": (4, 9)}, (0.0, 0.0)),
        ("not paid", {"paid": (4, 9)}, (0.0, 0.0)),
        ("paid and clicked", {"paid": (4, 9), "clicked": (0, 1)}, (0.0, 1.0)),
        ("paid or clicked", {"paid": (4, 9), "clicked": (0, 1)}, (1.0, 1.0)),
    ],
)
def test_bounds_are_those_worked_out_by_hand(text, ranges, expected):
    assert bounds(text, **ranges) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "ranges", "expected"),
    [
        ("1 / paid", {"paid": (0, 4)}, "column 3 of '1 / paid': the divisor can be 0 (it lies in [0, 4]); keep it away from 0"),
        ("paid ** -1", {"paid": (0, 4)}, "the base of a negative power can be 0 (it lies in [0, 4])"),
        ("paid ** 0.5", {"paid": (-1, 4)}, "the base of a broken power can be negative (it lies in [-1, 4])"),
        (
            "sqrt(paid)",
            {"paid": UNBOUNDED},
            "sqrt of a negative number (its argument lies in [-inf, inf]); use sqrt(max(..., 0))",
        ),
        ("log1p(paid)", {"paid": (-1, 0)}, "log1p of -1 or less (its argument lies in [-1, 0]); use log1p(max(..., 0))"),
    ],
)
def test_bounds_refuse_what_could_have_no_result(text, ranges, expected):
    with pytest.raises(BadExpression) as caught:
        bounds(text, **ranges)

    assert expected in str(caught.value)


def test_a_result_that_would_be_undefined_is_defined_all_the_same():
    assert value("1 / paid", paid=0.0) == 0.0
    assert value("paid ** -1", paid=0.0) == 0.0
    assert value("paid ** 0.5", paid=-4.0) == 0.0
    assert value("sqrt(paid)", paid=-4.0) == 0.0
    assert value("log1p(paid)", paid=-4.0) == pytest.approx(math.log(2**-53))


def test_arithmetic_saturates_instead_of_overflowing():
    assert value("paid * paid", paid=1e300) == 1e100
    assert value("exp(paid) - exp(paid)", paid=1e9) == 0.0
    assert value("-exp(paid)", paid=1e9) == -1e100
    assert value("paid - paid", paid=1.7e308) == 0.0


LEAVES = st.sampled_from([*NAMES, "0", "1", "2.5", "0.125", "60"])
BINARY = st.sampled_from(
    ["{} + {}", "{} - {}", "{} * {}", "{} / {}", "min({}, {})", "max({}, {})", "{} < {}", "{} >= {}", "{} == {}"]
)
MORE = st.sampled_from(["-{}", "abs{}", "not {}", "sqrt{}", "log1p{}", "exp{}", "{} ** 2", "{} ** -1", "{} ** 0.5", "{} ** 3"])
TEXTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda form, a, b: form.format(f"({a})", f"({b})"), BINARY, inner, inner),
        st.builds(lambda form, a: form.format(f"({a})"), MORE, inner),
        st.builds(lambda a, b, c: f"({a}) if ({b}) else ({c})", inner, inner, inner),
        st.builds(lambda a, b, c: f"clip({a}, {b}, {c})", inner, inner, inner),
        st.builds(lambda a, b: f"({a}) and ({b}) or ({a})", inner, inner),
    ),
    max_leaves=8,
)
RANGES = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(lambda pair: (min(pair), max(pair)))


def python_value(text, columns):
    """The same text by Python's own arithmetic; None where Python has no number for it."""
    meanings = {
        "sqrt": math.sqrt,
        "log1p": math.log1p,
        **columns,
    }
    try:
        return eval(text, {"__builtins__": {"abs": abs, "max": max}}, meanings)
    except ZeroDivisionError:
        return None


ARITHMETIC = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda sign, a, b: f"({a}) {sign} ({b})", st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda a, b: f"{a} - {b} * {a}", LEAVES, LEAVES),
        st.builds(lambda a: f"-({a}) ** 2", LEAVES),
        st.builds(lambda a, b: f"max({a}, {b}) - abs({a})", inner, inner),
        st.builds(lambda a, b, c: f"({a}) if ({b}) < ({c}) else ({c})", inner, inner, inner),
        st.builds(lambda a: f"log1p(abs({a})) + sqrt(abs({a}))", inner),
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(ARITHMETIC, st.tuples(*[st.integers(-8000, 8000).map(lambda n: n / 8)] * 3))  # no value comes near HUGE
def test_evaluation_agrees_with_pythons_arithmetic(text, values):
    columns = dict(zip(NAMES, values, strict=True))
    expected = python_value(text, columns)
    if expected is None:
        return

    got = Expression.parse(text, NAMES).evaluate(columns)

    np.testing.assert_allclose(float(got), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.tuples(RANGES, RANGES, RANGES), st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=9))
def test_bounds_contain_every_value_and_values_are_finite(text, ranges, shares):
    expression = Expression.parse(text, NAMES)
    inside = {
        name: np.array([min(max(low + share[i] * (high - low), low), high) for share in shares])
        for i, (name, (low, high)) in enumerate(zip(NAMES, ranges, strict=True))
    }

    values = expression.evaluate(inside)

    assert np.isfinite(values).all()
    try:
        low, high = expression.bounds(dict(zip(NAMES, ranges, strict=True)))
    except BadExpression:
        return
    assert (values >= low).all()
    assert (values <= high).all()


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_the_canonical_text_parses_to_itself(text):
    expression = Expression.parse(text, NAMES)

    again = Expression.parse(expression.text, NAMES)

    assert again.text == expression.text


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.tuples(*[st.floats(-100, 100)] * 3))
def test_the_canonical_text_means_the_same_as_what_was_written(text, values):
    columns = dict(zip(NAMES, values, strict=True))
    as_written = Expression(text, Parser(text, NAMES).parse())

    assert Expression.parse(text, NAMES).evaluate(columns) == as_written.evaluate(columns)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_at_all_is_read_or_refused_politely(text):
    try:
        Expression.parse(text, NAMES)
    except BadExpression as error:
        assert error.column >= 1
