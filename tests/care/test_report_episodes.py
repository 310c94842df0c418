"""Reports of loops with episodes: whole episodes are what is counted, and steps are never taken for independent."""

import math
import xml.etree.ElementTree as ET

import pytest

from histories import a_history, a_row, the_last
from policyloop.care.report import report_of
from policyloop.care.report_page import page_of
from policyloop.core.spec_file import read_spec
from policyloop.lake.bulk import bring_history
from policyloop.run.by_hand import join_by_hand
from some_events import T0

NOW = T0 + 86_400 * 10**6
WALK = read_spec(
    {
        "loop": "walk",
        "context": {"x": {"type": "number", "min": -50, "max": 50}},
        "actions": {"labels": ["stay", "go"]},
        "episodes": {"discount": 0.9},
        "outcomes": {"paid": {"type": "number", "min": 0, "max": 9}},
        "reward": {"expression": "paid", "range": [0, 9], "window": "10m"},
        "learner": {"name": "dqn"},
    }
)
_GIVEN = {"action": [1], "action_value": [], "propensity": 0.5, "propensity_kind": "probability", "action_source": "policy"}


def an_episode(episode, *paid):
    """One that paid so much at each step, and terminated."""
    steps = [
        a_row(i, episode=episode, outcomes={"paid": reward}, terminated=i == len(paid) - 1, **_GIVEN) | {"context": {"x": 1.0}}
        for i, reward in enumerate(paid)
    ]
    return [*steps, the_last(len(paid), episode=episode) | {"context": {"x": 0.0}}]


@pytest.fixture
def walked(deployment):
    """Episodes of one person that returned 6, 0 and 9 in 2, 1 and 3 steps, and one of another that returned 4 in 1."""
    deployment.registry.apply(WALK)
    for person, episodes in {"ann": {"a": (2, 4), "b": (0,), "c": (3, 3, 3)}, "bob": {"d": (4,)}}.items():
        rows = [row for name, paid in episodes.items() for row in an_episode(name, *map(float, paid))]
        bring_history(
            deployment.lake,
            deployment.records,
            WALK,
            a_history(rows, spec=WALK),
            policy=person,
            salt=bytes(32),
            salt_id="s1",
            now_us=NOW,
        )
    join_by_hand(deployment, WALK)
    return deployment


def text_of(page: bytes) -> str:
    return " ".join(" ".join(ET.fromstring(page.decode().removeprefix("<!doctype html>")).itertext()).split())


def test_returns_are_of_whole_episodes_by_who_played(walked):
    report = report_of(walked, "walk", since=0)

    found = report.episodes
    assert (report.n, found.n, found.returns.value) == (7, 4, pytest.approx((6 + 0 + 9 + 4) / 4))
    assert {one.policy: (one.n, one.mean_length, one.returns.value) for one in found.played} == {
        "imported:ann": (3, 2.0, 5.0),
        "imported:bob": (1, 1.0, 4.0),
    }
    assert sum(mean.n for mean in found.stretches) == 4


def test_an_interval_is_one_over_episodes_and_steps_have_none(walked):
    report = report_of(walked, "walk", since=0)

    ann = report.episodes.played[0].returns
    stderr = math.sqrt(((6 - 5) ** 2 + (0 - 5) ** 2 + (9 - 5) ** 2) / 2 / 3)
    assert ann.low == pytest.approx(max(5 - 1.96 * stderr, 0.0), rel=1e-3)
    assert ann.high == pytest.approx(5 + 1.96 * stderr, rel=1e-3)
    of_steps = [report.reward, *(s.reward for s in report.stretches), *(one.reward for one in report.policies)]
    assert {mean.low for mean in [*of_steps, *(one.reward for one in report.actions)]} == {None}


def test_the_page_tells_episodes_and_how_they_ended_and_no_join_rate(walked):
    text = text_of(page_of(report_of(walked, "walk", since=0)))

    assert "Episodes 4 over; none waiting Mean return 4.75 of an episode; 95 % sure: " in text
    assert "4 episodes are over and 0 wait; 7 of 7 decisions are transitions, by whole hours." in text
    assert "imported:ann 3 2.0 5.00" in text
    assert "Intervals are of the mean over whole episodes" in text
    for untrue in ("Join rate", "found an outcome", "Mean reward", "examples"):
        assert untrue not in text


def test_an_imported_history_is_nobodys_reign(walked):
    report = report_of(walked, "walk", since=0)

    assert [reign.model for reign in report.reigns] == ["imported"]
    assert "By the baseline 0.0% of the decisions; 100.0% imported, 0.0% by models" in text_of(page_of(report))


def test_where_all_is_older_the_page_says_what_there_is_and_how_to_see_it(walked):
    report = report_of(walked, "walk", since=walked.clock.now_us())

    text = text_of(page_of(report))
    assert "No decision was made in this time. The loop has 7 decisions, of " in text
    assert "w reaches them." in text
