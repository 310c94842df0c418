"""Events for tests, with every field that a test does not name filled in."""

from policyloop.core.event import Decision, Outcome, encode, kind_of
from policyloop.lake.write import Sealed
from policyloop.log.segment import Record

HOUR = 3600 * 1_000_000
MINUTE = 60 * 1_000_000
SECOND = 1_000_000
T0 = 490_000 * HOUR  # 2025-11-24T16:00Z
LOOP = "front-page"


def a_decision(decision_id="d1", *, at=T0, **fields):
    values = {
        "loop": LOOP,
        "spec": "5" * 32,
        "policy": "baseline",
        "context": '{"hour":7}',
        "split": 0.25,
        "action": [0],
        "propensity": 0.5,
        "pmf": [[0.5, 0.3, 0.2]],
    }
    return Decision(decision_id=decision_id, decided_at=at, **(values | fields))


def an_outcome(decision_id="d1", *, at=T0 + MINUTE, outcome_id="o1", values=None, **fields):
    return Outcome(
        **({"loop": LOOP} | fields),
        decision_id=decision_id,
        outcome_id=outcome_id,
        received_at=at,
        values={"clicked": 1.0} if values is None else values,
    )


def writer_name(number):
    return f"01980000-0000-7000-8000-{number:012x}"


def sealed(events, *, writer=1, segment=1, first_seq=None):
    """The events as one read segment."""
    name = writer_name(writer)
    start = segment * 1000 if first_seq is None else first_seq
    records = [Record(name, segment, start + i, int(kind_of(e)), 1, encode(e)) for i, e in enumerate(events)]
    return Sealed(name, segment, records)
