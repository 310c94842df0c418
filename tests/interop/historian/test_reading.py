"""Options of `policyloop import history`: understood, or all refused at once with what was expected."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.interop.historian.reading import Cut, read_options


def test_options_become_a_reading():
    reading = read_options(
        columns=["level=LI-1"], every="5m", max_gap="1h", resample=["mean", "valve=last"], lags=["level=3"], episodes="gap=30m"
    )

    assert (reading.columns, reading.every_s, reading.max_gap_s) == ({"level": "LI-1"}, 300.0, 3600.0)
    assert (reading.method_of("level"), reading.method_of("valve")) == ("mean", "last")
    assert (reading.lags, reading.cut) == ((("level", 3),), Cut(by="gap", gap_s=1800.0))


@pytest.mark.parametrize(
    ("text", "cut"),
    [("batch", Cut(column="batch")), ("column=batch", Cut(column="batch")), ("steps=240", Cut(by="steps", n_steps=240))],
)
def test_where_episodes_begin_is_said_in_three_ways(text, cut):
    assert read_options(episodes=text).cut == cut


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(Invalid) as refused:
        read_options(
            columns=["level"],
            decimal=";",
            time_zone="Europe/Berln",
            every="soon",
            resample=["meen"],
            lags=["level=0"],
            episodes="gap=",
            end="done",
            repairs="sort,clip-action",
        )

    assert [f"{fault.where}: {fault.message}" for fault in refused.value.faults] == [
        "--column: is 'level'; expected NAME=VALUE, such as temp=TI-101.",
        "--decimal: is ';'; expected . or ,.",
        "--time-zone: is 'Europe/Berln'; expected a name such as UTC or Europe/Berlin.",
        "--every: is 'soon'; expected a duration such as 90s, 10m, 4h, 1.5h or 90d.",
        "--resample: no method is named 'meen'; did you mean 'mean'?",
        "--lag: is 'level=0'; expected how many steps before, 1 to 10,000.",
        "--episodes gap: is ''; expected a duration such as 90s, 10m, 4h, 1.5h or 90d.",
        "--end: is 'done'; expected terminated or truncated.",
        "--repair: no repair is named 'clip-action'; did you mean 'clip-actions'?",
    ]
