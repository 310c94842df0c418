"""Alarms: each says what is wrong and what to do, and ends with its cause."""

import pytest

from empty_records import with_records
from policyloop.care.alarms import alarms_of
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.join.audit import Audit
from policyloop.run.deployment import open_deployment


@pytest.fixture
def alarms(tmp_path):
    """A function that gives the alarms of a loop whose last day, and whole life, was as these counts say."""
    with open_deployment(Home(with_records(tmp_path)), SystemClock()) as deployment:

        def told(last_day, *, audit=None, held_hours=(), labels=("calm", "bold"), has_box=False):
            return alarms_of(
                deployment,
                labels=labels,
                has_box=has_box,
                audit=audit or last_day,
                last_day=last_day,
                last_job=None,
                held_hours=held_hours,
                watermark=0,
            )

        yield told


def test_a_loop_without_trouble_has_none(alarms):
    assert alarms(Audit(decisions=100, joined=40, unrewarded=60, chosen_by_action=(90, 10), instead_by_action=())) == []


def test_an_action_that_is_often_overruled_is_named_with_its_share(alarms):
    (alarm,) = alarms(Audit(decisions=500, joined=500, executed=21, chosen_by_action=(400, 100), instead_by_action=(1, 20)))

    assert alarm == (
        "'bold' was chosen 100 times in the last day, and in 20 of them (20.0%) another action was carried out; "
        "the gate cannot use these. Mask what cannot be done when you ask for a decision."
    )


def test_candidates_that_are_often_overruled_are_told_as_one_share(alarms):
    (alarm,) = alarms(Audit(decisions=500, joined=500, executed=21), labels=())

    assert alarm.startswith("in 21 of 500 examples of the last day another action than the chosen was carried out")
    assert alarms(Audit(decisions=500, joined=500, executed=5), labels=()) == []


def test_what_is_over_for_a_day_is_no_alarm(alarms):
    before = Audit(decisions=10, unrewarded=10, conflict=5, undeclared=3, orphan=2, outcomes=7)

    assert len(alarms(before)) == 3
    assert alarms(Audit(decisions=10, unrewarded=10), audit=before) == []


def test_rewards_outside_their_range_stay_an_alarm_as_long_as_they_hold_the_gate(alarms):
    (alarm,) = alarms(Audit(), audit=Audit(decisions=100, joined=100, clipped=3))

    assert alarm.startswith("3 % of the rewards (3 of 100) were outside reward.range and clipped")


def test_a_damaged_log_is_told_until_the_files_are_moved_away(alarms, tmp_path):
    place = tmp_path / "log" / "quarantine"
    place.mkdir(parents=True)
    (place / "a.plog").write_bytes(b"?")

    (alarm,) = alarms(Audit())
    (place / "a.plog").unlink()

    assert alarm.startswith("the log was damaged: a.plog in log/quarantine; `policyloop fsck` tells what was lost.")
    assert alarms(Audit()) == []
