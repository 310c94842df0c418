"""What happened is told once it happened, until it is taken or given up, and to nobody who was not named."""

import json
import threading

import numpy as np
import pytest
import sqlalchemy as sa

from deployed import eventually
from empty_records import with_records
from policyloop.core.clock import US_PER_S, SystemClock
from policyloop.core.errors import PromotionRefused
from policyloop.core.settings import Home, read_settings
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import State, Step
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry import notice_rows
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.notices.sending import EXAMINE_EVERY_S, FORGET_AFTER_S, MOST_ATTEMPTS, Notices, tell_causes, wait_s
from policyloop.run.notices.webhook import receiver_of
from policyloop.storage.records import leases
from receiver import SECRET, is_signed, receiving
from shop import SHOP
from small_models import TENSORS, a_manifest


class LeapingClock(SystemClock):
    """The machine's clock, but time can be made to pass."""

    leapt_s = 0.0

    def now_us(self):
        return super().now_us() + int(self.leapt_s * US_PER_S)

    def monotonic_s(self):
        return super().monotonic_s() + self.leapt_s


@pytest.fixture
def clock():
    return LeapingClock()


@pytest.fixture
def deployment(tmp_path, clock):
    with open_deployment(Home(with_records(tmp_path / "home")), clock) as opened:
        opened.registry.apply(read_spec(SHOP))
        yield opened


def notices_to(deployment, url, tmp_path, *, examine=None, tell=lambda *what: None):
    """The teller of a deployment whose settings name that receiver; None: nobody."""
    (tmp_path / "policyloop.yaml").write_text(f"notify: {{url: '{url or ''}', allow: [127.0.0.1]}}\n")
    receiver = receiver_of(read_settings(tmp_path, {"POLICYLOOP_NOTIFY__SECRET": SECRET}))
    return Notices(deployment, receiver, examine=examine, tell=tell, rng=np.random.default_rng(0))


def publish(deployment, *, seed=1):
    """A challenger of the loop; its digest."""
    spec = deployment.registry.standing("shop").spec.digest
    return deployment.registry.publish(a_manifest(loop="shop", spec=spec, seed=seed), TENSORS)


def rows(deployment):
    with deployment.records.read() as connection:
        return notice_rows.newest(connection, limit=100)


def test_a_promotion_a_roll_back_and_a_freeze_are_told_in_their_order_and_signed(deployment, tmp_path):
    first, second = publish(deployment), publish(deployment, seed=2)
    deployment.registry.promote_by_person("shop", first, why="try")
    deployment.registry.promote_by_person("shop", second, why="better")
    deployment.registry.roll_back_by_person("shop", why="worse")
    deployment.registry.freeze("shop", why="the log is not trusted")

    with receiving() as receiver:
        notices_to(deployment, receiver.url, tmp_path).round()

    assert [(event["type"], event["subject"], event["data"]["sentence"]) for event in receiver.events] == [
        ("policyloop.promote", "shop", "promoted by a person: try"),
        ("policyloop.promote", "shop", "promoted by a person: better"),
        ("policyloop.rollback", "shop", "rolled back by a person: worse"),
        ("policyloop.freeze", "shop", "the log is not trusted"),
    ]
    assert [(e["data"]["champion_before"], e["data"]["champion"]) for e in receiver.events[:3]] == [
        (None, first),
        (first, second),
        (second, first),
    ]
    assert all(is_signed(headers, body) for _, headers, body in receiver.got)
    assert {row.state for row in rows(deployment)} == {"sent"}


def test_what_did_not_happen_is_not_told(deployment):
    first = publish(deployment)
    deployment.registry.freeze("shop", why="a look at the log")

    with pytest.raises(PromotionRefused):
        deployment.registry.promote_by_person("shop", first, why="try")
    deployment.registry.freeze("shop", why="again")
    deployment.registry.unfreeze("shop")

    assert [(row.kind, json.loads(row.body)["sentence"]) for row in rows(deployment)] == [("freeze", "a look at the log")]


def test_a_job_is_told_when_it_is_given_up_and_not_while_it_is_tried_again(deployment):
    jobs.queue(deployment.records, "shop", reason="asked for", n_examples=3, now_us=0)
    job = jobs.claim(deployment.records, now_us=1)
    jobs.finish(deployment.records, job.id, state="failed", message="disk full", now_us=2)
    again = jobs.retry(deployment.records, job, not_before_us=3)

    assert rows(deployment) == []

    jobs.give_up(deployment.records, again, message="disk still full", now_us=4)

    (row,) = rows(deployment)
    assert (row.kind, row.loop, row.at) == ("job-failure", "shop", 4)
    assert json.loads(row.body) == {
        "sentence": "disk still full",
        "job": again.id,
        "job_kind": "train",
        "attempts": 2,
        "reason": "asked for",
    }
    assert jobs.get(deployment.records, again.id).state == "failed"


def test_a_receiver_that_is_away_is_asked_again_with_the_same_id_and_body_until_it_takes_it(deployment, clock, tmp_path):
    deployment.registry.freeze("shop", why="an alarm")

    with receiving(503, 500) as receiver:
        notices = notices_to(deployment, receiver.url, tmp_path)
        notices.round()
        notices.round()  # too early
        asked = [len(receiver.got)]
        for _ in range(3):
            clock.leapt_s += 3600
            notices.round()
            asked.append(len(receiver.got))

    assert asked == [1, 2, 3, 3]
    assert len({(headers["webhook-id"], body) for _, headers, body in receiver.got}) == 1
    (row,) = rows(deployment)
    assert (row.state, row.attempts, row.message) == ("sent", 3, "answered 204")


def test_what_nobody_takes_is_given_up_after_fifteen_attempts_kept_and_sent_when_asked_for(deployment, clock, tmp_path):
    deployment.registry.freeze("shop", why="an alarm")
    with receiving(*[500] * MOST_ATTEMPTS) as receiver:
        notices = notices_to(deployment, receiver.url, tmp_path)
        for _ in range(MOST_ATTEMPTS + 3):
            notices.round()
            clock.leapt_s += 86_400
        n_asked = len(receiver.got)
        (given_up,) = rows(deployment)

        with deployment.records.write() as connection:
            n = notice_rows.try_again(connection, now_us=clock.now_us())
        notices.round()

    assert (n_asked, given_up.state, given_up.attempts) == (15, "failed", 15)
    assert given_up.message == "127.0.0.1 answered 500; expected 200 to 299."
    assert (n, len(receiver.got), rows(deployment)[0].state) == (1, 16, "sent")


def test_attempts_are_spread_over_most_of_a_day_and_no_two_tellers_keep_step():
    waits = [[wait_s(attempt, np.random.default_rng(seed)) for attempt in range(1, MOST_ATTEMPTS)] for seed in range(50)]

    assert 11 * 3600 < min(map(sum, waits)) < max(map(sum, waits)) < 23 * 3600
    assert all(2.5 * 2**place <= wait <= 5 * 2**place for one in waits for place, wait in enumerate(one))
    assert len({one[0] for one in waits}) == 50


def test_what_waits_outlives_the_process(deployment, tmp_path):
    deployment.registry.freeze("shop", why="an alarm")

    with open_deployment(deployment.home) as again, receiving() as receiver:
        notices_to(again, receiver.url, tmp_path).round()

    assert [event["type"] for event in receiver.events] == ["policyloop.freeze"]


def test_of_two_processes_one_tells(deployment, tmp_path):
    with receiving() as receiver:
        one, other = notices_to(deployment, receiver.url, tmp_path), notices_to(deployment, receiver.url, tmp_path)
        deployment.registry.freeze("shop", why="an alarm")
        one.round()
        deployment.registry.unfreeze("shop")
        deployment.registry.freeze("shop", why="another alarm")
        other.round()
        n_by_other = len(receiver.got) - 1
        one.round()

    assert (n_by_other, len(receiver.got)) == (0, 2)


def test_while_there_is_nothing_to_tell_nothing_is_written(deployment, tmp_path):
    notices_to(deployment, "https://hooks.example.com/", tmp_path).round()

    with deployment.records.read() as connection:
        assert connection.execute(sa.select(leases)).all() == []


def test_a_challenger_that_is_taken_back_from_half_of_the_traffic_is_told(deployment):
    champion = publish(deployment)
    deployment.registry.promote_by_person("shop", champion, why="first")
    challenges = deployment.registry.challenges
    wanted = read_spec({**SHOP, "explore": {"name": "squarecb", "floor": 0.2}})
    begun = challenges.begin("shop", wanted, why="to see")
    reason = Reason(name="proven-better", call=Call.PROMOTE, sentence="Proven better.")
    verdict = Verdict(kind="challenge", call=Call.PROMOTE, model="new", champion=champion, anchor=champion, reasons=(reason,))
    challenges.take(begun, Step(state=State.RAMP, call=Call.PROMOTE, reasons=(reason,)), verdict=verdict, evidence=None)
    challenges.retire("shop", why="complaints")

    newest = rows(deployment)[0]
    facts = json.loads(newest.body)
    assert newest.kind == "rollback"
    assert (facts["sentence"], facts["champion_before"], facts["champion"]) == (
        "Ended by a person: complaints",
        champion,
        champion,
    )


def test_where_nobody_is_named_nothing_is_kept_for_later(deployment, tmp_path):
    deployment.registry.freeze("shop", why="an alarm")

    notices_to(deployment, None, tmp_path).round()

    assert rows(deployment) == []


def test_while_a_receiver_takes_its_time_the_records_are_free_for_others(deployment, tmp_path):
    may_answer = threading.Event()
    with receiving(hold=may_answer) as receiver, notices_to(deployment, receiver.url, tmp_path).running():
        deployment.registry.freeze("shop", why="an alarm")
        eventually(lambda: receiver.got)
        deployment.registry.unfreeze("shop")  # a write, while the receiver has not answered
        states = [row.state for row in rows(deployment)]
        may_answer.set()
        eventually(lambda: rows(deployment)[0].state == "sent")

    assert states == ["waiting"]


def test_a_cause_is_told_once_and_again_only_when_it_was_away_for_a_day(deployment, clock):
    low = {"floor": "the floor is too low"}

    told = [tell_causes(deployment, "shop", low)]
    clock.leapt_s += 3600
    told.append(tell_causes(deployment, "shop", low | {"drift": "hour drifts"}))
    clock.leapt_s += FORGET_AFTER_S - 1
    told.append(tell_causes(deployment, "shop", low | {"drift": "hour drifts on"}))
    clock.leapt_s += FORGET_AFTER_S - 1
    told.append(tell_causes(deployment, "shop", {"drift": "hour drifts on"}))
    clock.leapt_s += 10
    told.append(tell_causes(deployment, "shop", low))

    assert told == [["floor"], ["drift"], [], [], ["floor"]]
    bodies = [json.loads(row.body) for row in reversed(rows(deployment))]
    assert bodies == [
        {"sentence": "the floor is too low", "cause": "floor"},
        {"sentence": "hour drifts", "cause": "drift"},
        {"sentence": "the floor is too low", "cause": "floor"},
    ]


def test_what_an_examination_finds_is_told_as_an_alarm(deployment, clock, tmp_path):
    with receiving() as receiver:
        notices = notices_to(deployment, receiver.url, tmp_path, examine=lambda loop: {"rewards": f"{loop}: no rewards arrive"})
        notices.round()
        for _ in range(2):
            clock.leapt_s += EXAMINE_EVERY_S
            notices.round()  # examines
            notices.round()  # sends

    (event,) = receiver.events
    assert (event["type"], event["data"]) == (
        "policyloop.alarm",
        {"loop": "shop", "sentence": "shop: no rewards arrive", "cause": "rewards"},
    )


def test_an_examination_that_fails_is_logged_and_sending_goes_on(deployment, clock, tmp_path):
    lines = []

    def fails(loop):
        raise TimeoutError("took too long")

    with receiving() as receiver:
        notices = notices_to(deployment, receiver.url, tmp_path, examine=fails, tell=lambda *line: lines.append(line))
        clock.leapt_s += EXAMINE_EVERY_S
        notices.round()
        deployment.registry.freeze("shop", why="an alarm")
        notices.round()

    assert lines[0] == ("error", "examination failed", {"loop": "shop", "error": "TimeoutError: took too long"})
    assert [event["type"] for event in receiver.events] == ["policyloop.freeze"]


def test_a_loop_that_is_cleaned_away_takes_its_notices_along(deployment):
    deployment.registry.freeze("shop", why="an alarm")
    tell_causes(deployment, "shop", {"floor": "too low"})

    deployment.registry.forget("shop")

    assert rows(deployment) == []
    with deployment.records.read() as connection:
        assert notice_rows.known_causes(connection, "shop") == {}
