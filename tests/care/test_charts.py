"""Charts: marks stand where their numbers are, gaps stay gaps, and bounds are round."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.care.charts import Frame, bar_chart, gain_chart, line_chart, round_range, share_chart, split_bar
from policyloop.care.earned import Gain
from policyloop.care.mean import Mean
from policyloop.care.report import Reign, Stretch

HOUR_US = 3_600_000_000
START = 1_790_000_000_000_000 // HOUR_US * HOUR_US  # 2026-09-21T14:00:00Z
FRAME = Frame(width=154.0, height=100.0, start=START, end=START + 4 * HOUR_US)  # the plot is 100 wide


def stretch(hour, value, by_action=(1, 1)):
    mean = Mean(n=0, value=None, low=None, high=None)
    if value is not None:
        mean = Mean(n=9, value=value, low=value - 0.1, high=value + 0.1)
    start = START + hour * HOUR_US
    return Stretch(start=start, end=start + HOUR_US, n=sum(by_action), reward=mean, joined=mean, by_action=list(by_action))


def lines(stretches, **more):
    return ET.fromstring(
        line_chart(FRAME, stretches, mean_of=lambda s: s.reward, title="reward", show=lambda value: f"{value:g}", **more)
    )


def marks(chart, look):
    return [mark for mark in chart.iter() if mark.get("class") == look]


def test_a_line_goes_through_the_middle_of_each_stretch_at_its_mean():
    chart = lines([stretch(0, 0.5), stretch(1, 1.0), stretch(2, 0.0), stretch(3, 0.25)])

    (line,) = marks(chart, "line")
    # 46 to the left and 8 above; a stretch is 25 wide.
    assert line.get("points") == "58.5,58.0 83.5,8.0 108.5,108.0 133.5,83.0"


def test_the_band_goes_along_the_upper_bounds_and_back_along_the_lower_ones():
    (band,) = marks(lines([stretch(0, 0.5), stretch(1, 0.5)]), "band")

    assert band.get("points") == "58.5,48.0 83.5,48.0 83.5,68.0 58.5,68.0"


def test_where_nothing_is_known_there_is_a_gap_and_a_lone_mean_is_a_dot():
    chart = lines([stretch(0, 0.5), stretch(1, 0.6), stretch(2, None), stretch(3, 0.5)])

    assert len(marks(chart, "line")) == 1
    assert [(dot.get("cx"), dot.get("cy")) for dot in marks(chart, "dot")] == [("133.5", "58")]
    assert len(marks(chart, "whisker")) == 1
    titles = [spot.find("title").text for spot in marks(chart, "spot")]
    assert titles[0] == "21 Sep 14:00 to 15:00 UTC: 0.5 (0.4 to 0.6), 9 examples"
    assert titles[2] == "21 Sep 16:00 to 17:00 UTC: nothing is settled"


def test_a_new_champion_is_marked_and_one_taken_back_in_the_colour_of_alarms():
    first, second, end = START + HOUR_US, START + 2 * HOUR_US, START + 4 * HOUR_US
    reigns = [
        Reign(model="baseline", start=START, end=first, how=""),
        Reign(model="ab" * 16, start=first, end=second, how="PROMOTE"),
        Reign(model="baseline", start=second, end=end, how="ROLLBACK"),
    ]

    chart = lines([stretch(0, 0.5)], reigns=reigns)

    assert [mark.get("x1") for mark in marks(chart, "change")] == ["71"]
    assert [mark.find("title").text for mark in marks(chart, "change back")] == ["21 Sep 16:00 UTC: rolled back to baseline"]
    assert len(marks(chart, "reign base")) == 2


def test_shares_fill_the_height_from_below_in_the_order_of_the_actions():
    chart = ET.fromstring(share_chart(FRAME, [stretch(0, None, (3, 1)), stretch(1, None, (0, 0))], ["a", "b"], title="t"))

    (first,), (second,) = marks(chart, "a0"), marks(chart, "a1")
    assert (first.get("y"), first.get("height")) == ("33", "75")
    assert (second.get("y"), second.get("height")) == ("8", "25")
    assert first.find("title").text == "21 Sep 14:00 to 15:00 UTC: a 75.0% (3 of 4)"


def test_bars_are_as_high_as_the_counts():
    frame = Frame(width=154.0, height=100.0, start=START, end=START + 4 * HOUR_US, high=10.0)

    chart = ET.fromstring(bar_chart(frame, [stretch(0, None, (3, 1)), stretch(1, None, (0, 0))], title="t"))

    assert [bar.get("height") for bar in marks(chart, "bar")] == ["40"]


def test_a_whole_is_split_by_the_shares_of_its_parts():
    chart = ET.fromstring(split_bar([("one", 1, "a0"), ("rest", 3, "a1")], title="t"))

    assert [(rect.get("x"), rect.get("width")) for rect in chart.iter("rect")] == [("0", "25"), ("25", "75")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.83, (0.0, 1.0)),
        (0.31, 0.38, (0.3, 0.38)),
        (0.0, 110.0, (0.0, 150.0)),
        (-3.0, -0.5, (-3.0, 0.0)),
        (5.0, 5.0, (0.0, 8.0)),
        (0.0, 0.0, (-0.5, 0.5)),
    ],
)
def test_bounds_are_round_and_hold_0_where_it_is_near(low, high, expected):
    assert round_range(low, high) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_bounds_hold_what_they_are_for(low, span):
    found = round_range(low, low + span)

    assert found[0] <= low + 1e-6 * span
    assert found[1] >= low + span * (1 - 1e-6)


def test_differences_lie_between_round_bounds_beside_a_line_at_nothing():
    gains = [("up", Gain(value=0.2, low=0.1, high=0.3)), ("unknown", Gain(value=None, low=None, high=None))]
    frame = Frame(width=160.0, height=80.0, start=0, end=1, low=-0.1, high=0.3)

    chart = ET.fromstring(gain_chart(frame, gains, title="gains", show=lambda value: f"{value:g}"))

    (nothing,) = marks(chart, "tick")
    (dot,) = marks(chart, "dot")
    (interval,) = marks(chart, "whisker")
    # on a narrow frame the scale begins 16 from the left and ends 28 from the right: 116 for .4
    assert float(nothing.get("x1")) == 16 + 29
    assert (float(interval.get("x1")), float(dot.get("cx")), float(interval.get("x2"))) == (16 + 58, 16 + 87, 16 + 116)
    assert [text.text for text in chart.iter("text") if text.get("class") == "halo"] == ["up"]
