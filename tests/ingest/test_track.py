"""Rows of track: each is accepted, a duplicate or refused by itself, and refused ones leave nothing behind."""

import json

import msgspec

from front_page import CONTEXT, NOW_US, SALT, front_page
from policyloop.core.event import ACTIVATED, Decision, Outcome
from policyloop.core.loop import ActionSpec, Field
from policyloop.ingest.checks import checks_of
from policyloop.ingest.payload import read_rows
from policyloop.ingest.recent import Recent
from policyloop.ingest.track import track

LOOPS = {"front-page": checks_of(front_page(), salt=SALT)}
DECISION = {
    "type": "decision",
    "loop": "front-page",
    "decision_id": "d1",
    "context": CONTEXT,
    "action": "calm",
    "pmf": [1, 0, 0],
}
OUTCOME = {"type": "outcome", "loop": "front-page", "decision_id": "d1", "outcome_id": "o1", "outcomes": {"clicked": True}}
ACTIVATION = {"type": "activation", "loop": "front-page", "decision_id": "d1"}


def tracked(*rows, recent=None, now_s=0.0, received_at=NOW_US):
    body = "\n".join(json.dumps(row) for row in rows).encode()
    return track(read_rows(body), LOOPS, received_at=received_at, recent=recent or Recent(), now_s=now_s)


def statuses(results):
    return [one.result.status for one in results]


def test_each_kind_of_row_becomes_its_event():
    decision, outcome, activation = tracked(DECISION, OUTCOME, ACTIVATION)

    assert isinstance(decision.event, Decision)
    assert isinstance(outcome.event, Outcome)
    assert activation.event.values == {ACTIVATED: None}
    assert [one.result.id for one in (decision, outcome, activation)] == ["d1", "o1", "d1"]


def test_a_row_that_is_wrong_does_not_touch_its_neighbours():
    bad = {**OUTCOME, "outcomes": {"clicked": 7}}

    results = tracked(DECISION, bad, {"type": "outcome"}, {**OUTCOME, "loop": "frontpage"}, OUTCOME)

    assert statuses(results) == ["accepted", "refused", "refused", "refused", "accepted"]
    assert [one.event is None for one in results] == [False, True, True, True, False]
    assert [one.result.id for one in results] == ["d1", "o1", None, "o1", "o1"]
    assert results[1].result.error.where == "$[1].outcomes.clicked"
    assert results[1].result.error.code == "invalid"
    assert results[3].result.error.detail == "no loop is named 'frontpage'; did you mean 'front-page'?"
    assert results[3].result.error.code == "unknown_loop"


def test_warnings_come_back_with_the_row():
    (result,) = tracked({**OUTCOME, "outcomes": {"clickd": 1}})

    assert "did you mean 'clicked'?" in result.result.warnings[0]


def test_the_same_row_twice_in_a_body_is_a_duplicate():
    results = tracked(DECISION, DECISION, OUTCOME, OUTCOME, ACTIVATION, ACTIVATION)

    assert statuses(results) == ["accepted", "duplicate"] * 3
    assert results[1].event is None
    assert results[1].result.id == "d1"


def test_a_row_that_was_durable_a_moment_ago_is_a_duplicate():
    recent: Recent[bool] = Recent()
    (first,) = tracked(OUTCOME, recent=recent)
    recent.put(first.key, True, now_s=0.0)

    assert statuses(tracked(OUTCOME, recent=recent, now_s=59.0, received_at=NOW_US + 7)) == ["duplicate"]
    assert statuses(tracked(OUTCOME, recent=recent, now_s=61.0)) == ["accepted"]


def test_a_row_that_was_never_remembered_is_accepted_again():
    recent: Recent[bool] = Recent()
    tracked(OUTCOME, recent=recent)

    assert statuses(tracked(OUTCOME, recent=recent)) == ["accepted"]


def test_a_set_of_candidates_of_a_refused_row_comes_with_the_next_row_that_offers_it():
    spec = front_page(actions=ActionSpec(kind="candidates", features={"n": Field(name="n", type="number")}, max=1000))
    offered = [{"id": f"candidate-{i}", "features": {"n": i}} for i in range(500)]
    good = DECISION | {"actions": offered, "action": 0, "pmf": [1 / 500] * 500}
    body = "\n".join(json.dumps(row) for row in (good | {"deffer": True}, good)).encode()

    refused, accepted = track(
        read_rows(body), {"front-page": checks_of(spec, salt=SALT)}, received_at=NOW_US, recent=Recent(), now_s=0.0
    )

    assert [fault.where for fault in refused.result.error.errors] == ["$[0].deffer"]
    assert refused.action_set is None
    assert accepted.action_set is not None
    assert accepted.event.actions == accepted.action_set.digest


def test_the_same_id_with_another_value_is_kept_for_the_join_to_settle():
    assert statuses(tracked(OUTCOME, {**OUTCOME, "outcomes": {"clicked": False}})) == ["accepted", "accepted"]


def test_outcomes_without_an_id_each_count():
    row = {key: value for key, value in OUTCOME.items() if key != "outcome_id"}

    assert statuses(tracked(row, row)) == ["accepted", "accepted"]


def test_results_can_be_sent():
    results = [one.result for one in tracked(DECISION, {"type": "x"}, 7)]

    sent = json.loads(msgspec.json.encode(results))

    assert sent[0] == {"status": "accepted", "id": "d1"}
    assert sent[1]["status"] == "refused"
    assert sent[1]["error"]["status"] == 400
