"""Examples are a function of the set of events and the watermark. Each rule by hand, and all of them by permutation."""

import json
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from join_loops import a_spec
from policyloop.core.clock import hour_of
from policyloop.core.event import Decision, pack_floats
from policyloop.join.examples import join, settle
from policyloop.lake.rows import Placed, decision_rows, outcome_rows
from policyloop.lake.schema import EXAMPLE_SCHEMA
from policyloop.lake.views import twins_of
from reference_join import reference_examples
from some_events import HOUR, MINUTE, SECOND, T0, a_decision, an_outcome, writer_name

FOREVER = T0 + 1_000 * HOUR


def tables(events, *, writers=None):
    """The raw rows of events, each with an identity of its own unless `writers` says which."""
    identities = writers or [(1, i) for i in range(len(events))]
    placed = [Placed(e, writer_name(w), 1, seq, 1, hour_of(T0)) for e, (w, seq) in zip(events, identities, strict=True)]
    decisions = decision_rows([p for p in placed if isinstance(p.event, Decision)])
    return decisions, outcome_rows([p for p in placed if not isinstance(p.event, Decision)])


def examples_of(events, *, spec=None, watermark=FOREVER, writers=None):
    return join(*tables(events, writers=writers), spec or a_spec(), watermark=watermark).to_pylist()


def the_example(events, **where):
    (example,) = examples_of(events, **where)
    return example


def audit_of(events, *, spec=None, watermark=FOREVER):
    decisions, outcomes = tables(events)
    return settle(decisions, twins_of(decisions), outcomes, spec or a_spec(), watermark=watermark).audit


def test_outcomes_are_aggregated_and_the_expression_makes_the_reward():
    example = the_example(
        [
            a_decision(),
            an_outcome(outcome_id="a", values={"clicked": 0.0, "dwell_s": 12.0}, at=T0 + 1 * MINUTE),
            an_outcome(outcome_id="b", values={"clicked": 1.0, "dwell_s": 30.0}, at=T0 + 2 * MINUTE),
            an_outcome(outcome_id="c", values={"cost": 0.25}, at=T0 + 3 * MINUTE),
            an_outcome(outcome_id="d", values={"cost": 0.5}, at=T0 + 4 * MINUTE),
        ]
    )

    assert example["reward"] == pytest.approx(1.0 + 0.1 * 30 / 60 - 0.75)
    assert dict(example["outcomes"]) == {"clicked": 1.0, "dwell_s": 30.0, "cost": 0.75}
    assert (example["n_outcomes"], example["is_rewarded"], example["is_clipped"]) == (6, True, False)
    assert example["matured_at"] == T0 + 10 * MINUTE


def test_an_example_carries_the_columns_of_its_decision():
    decision = a_decision(mask=[True, True, False], pmf=[[0.6, 0.4, 0.0]], is_fallback=True, side="b", mixture=[("m", 1.0)])

    example = the_example([decision])

    assert set(example) == set(EXAMPLE_SCHEMA.names)
    assert (example["mask"], example["pmf"], example["is_fallback"]) == ([True, True, False], [[0.6, 0.4, 0.0]], True)
    assert example["mixture"] == [{"policy": "m", "share": 1.0}]
    assert example["version"] == 1


def test_a_long_pmf_stored_as_bytes_arrives_whole():
    long = [1 / 40] * 40

    assert the_example([a_decision(pmf=[pack_floats(long)])])["pmf"] == [long]


def test_without_any_outcome_the_reward_is_the_default():
    example = the_example([a_decision()], spec=a_spec(default=-0.5))

    assert (example["reward"], example["is_rewarded"], dict(example["outcomes"])) == (-0.5, False, {})


def test_with_some_outcomes_a_missing_sum_is_zero_and_others_take_what_is_declared():
    example = the_example([a_decision(), an_outcome(values={"clicked": 1.0})], spec=a_spec(default=-0.5))

    assert example["reward"] == pytest.approx(1.0 + 0.1 * 6.0 / 60)  # dwell_s is missing: 6; cost is a sum: 0


def test_undeclared_names_are_ignored_in_the_reward_and_are_no_outcome():
    events = [a_decision(), an_outcome(values={"liked": 5.0})]

    example = the_example(events, spec=a_spec(default=-0.5))

    assert (example["reward"], example["is_rewarded"]) == (-0.5, False)
    assert audit_of(events).undeclared == 1


def test_the_reward_is_clipped_to_its_range_and_that_is_told():
    events = [a_decision(), an_outcome(values={"clicked": 1.0, "cost": 9.0})]

    example = the_example(events)

    assert (example["reward"], example["is_clipped"]) == (-1.0, True)
    assert audit_of(events).clipped == 1


@pytest.mark.parametrize(
    ("happened", "counts"),
    [(0, True), (10 * MINUTE - 1, True), (10 * MINUTE, False), (-5 * SECOND, True)],
    ids=["at the decision", "just inside", "at the end", "before the decision: its time counts"],
)
def test_the_window_holds_what_happened_from_the_decision_until_just_before_its_end(happened, counts):
    example = the_example([a_decision(), an_outcome(at=T0 + 2 * HOUR, occurred_at=T0 + happened)])

    assert example["is_rewarded"] is counts
    assert example["n_late"] == (0 if counts else 1)


def test_without_a_time_of_its_own_an_outcome_happened_when_it_was_received():
    assert the_example([a_decision(), an_outcome(at=T0 + 9 * MINUTE)])["is_rewarded"]
    assert not the_example([a_decision(), an_outcome(at=T0 + 11 * MINUTE)])["is_rewarded"]


def test_what_arrives_late_counts_and_what_happens_late_does_not():
    arrived = an_outcome(outcome_id="a", at=T0 + 30 * 24 * HOUR, occurred_at=T0 + MINUTE)
    happened = an_outcome(outcome_id="h", at=T0 + 11 * MINUTE)

    audit = audit_of([a_decision(), arrived, happened])

    assert (audit.joined, audit.arrived_late, audit.happened_late) == (1, 1, 1)


def test_an_example_matures_when_the_watermark_reaches_the_end_of_its_window():
    events = [a_decision(), an_outcome()]

    assert examples_of(events, watermark=T0 + 10 * MINUTE - 1) == []
    assert len(examples_of(events, watermark=T0 + 10 * MINUTE)) == 1


def test_a_final_outcome_closes_the_window_when_the_watermark_reaches_it():
    spec = a_spec(close="final")
    events = [a_decision(), an_outcome(at=T0 + MINUTE, final=True)]

    assert examples_of(events, spec=spec, watermark=T0 + MINUTE - 1) == []
    assert the_example(events, spec=spec, watermark=T0 + MINUTE)["matured_at"] == T0 + MINUTE
    assert the_example([a_decision()], spec=spec)["matured_at"] == T0 + 10 * MINUTE


def test_final_means_nothing_where_the_window_closes_by_time():
    assert the_example([a_decision(), an_outcome(final=True)])["matured_at"] == T0 + 10 * MINUTE


def test_a_deferred_decision_that_is_never_activated_makes_no_example():
    events = [a_decision(is_deferred=True), an_outcome()]

    assert examples_of(events) == []
    assert audit_of(events).not_activated == 1


def test_a_deferred_decision_s_window_starts_when_it_is_activated():
    activation = an_outcome(outcome_id="$activated", values={"$activated": None}, at=T0 + 2 * HOUR)
    before = an_outcome(outcome_id="a", values={"clicked": 1.0}, at=T0 + MINUTE)
    inside = an_outcome(outcome_id="b", values={"dwell_s": 60.0}, at=T0 + 2 * HOUR + 9 * MINUTE)

    example = the_example([a_decision(is_deferred=True), activation, before, inside])

    assert dict(example["outcomes"]) == {"dwell_s": 60.0}
    assert (example["n_late"], example["matured_at"]) == (1, T0 + 2 * HOUR + 10 * MINUTE)


def test_what_was_carried_out_instead_is_the_action_and_its_propensity_is_unknown():
    events = [a_decision(action=[0]), an_outcome(values={"$executed": None}, executed="2"), an_outcome(outcome_id="o2")]

    example = the_example(events)

    assert (example["action"], example["propensity"], example["propensity_kind"], example["pmf"]) == (
        [2],
        None,
        "unknown",
        None,
    )
    assert example["is_rewarded"]
    assert audit_of(events).executed == 1
    assert audit_of(events).chosen_by_action == audit_of(events).instead_by_action == (1,)


def test_carrying_out_what_was_chosen_changes_nothing():
    events = [a_decision(action=[2]), an_outcome(values={"$executed": None}, executed="2")]

    example = the_example(events)

    assert (example["action"], example["propensity"], example["propensity_kind"]) == ([2], 0.5, "probability")
    assert audit_of(events).executed == 0


def test_of_a_ranking_the_first_place_is_what_was_chosen_and_counted():
    events = [a_decision(action=[2, 0, 1]), an_outcome(values={"$executed": None}, executed="2")]

    example = the_example(events)

    assert (example["action"], example["propensity"], example["propensity_kind"]) == ([2, 0, 1], 0.5, "probability")
    assert (audit_of(events).executed, audit_of(events).chosen_by_action) == (0, (0, 0, 1))


def test_a_report_of_what_was_carried_out_that_cannot_be_read_leaves_no_example():
    events = [a_decision(), an_outcome(values={"$executed": None}, executed='"red"')]

    assert examples_of(events) == []
    assert audit_of(events).unusable == 1


def test_of_a_repeated_decision_the_earliest_record_counts():
    later = a_decision(at=T0 + SECOND, policy="later")
    first = a_decision(at=T0, policy="first")

    example = the_example([later, first])

    assert (example["policy"], example["n_duplicates"], example["is_conflict"]) == ("first", 1, False)


def test_at_the_same_time_the_smaller_writer_and_then_the_smaller_seq_counts():
    events = [a_decision(policy="a"), a_decision(policy="b"), a_decision(policy="c")]

    assert the_example(events, writers=[(2, 1), (1, 9), (1, 10)])["policy"] == "b"


@pytest.mark.parametrize("other", [{"pmf": [[0.4, 0.4, 0.2]]}, {"pmf": None}, {"context": '{"hour":8}'}])
def test_records_of_one_decision_that_differ_in_pmf_or_context_are_a_conflict(other):
    events = [a_decision(), a_decision(at=T0 + 1, **other)]

    assert the_example(events)["is_conflict"] is True
    assert audit_of(events).conflict == 1


def test_the_same_record_twice_in_the_raw_table_is_no_duplicate():
    events = [a_decision(), a_decision(), an_outcome(), an_outcome()]

    example = the_example(events, writers=[(1, 1), (1, 1), (1, 2), (1, 2)])

    assert (example["n_duplicates"], example["n_outcomes"]) == (0, 1)


def test_of_a_repeated_outcome_the_first_received_counts():
    events = [
        a_decision(),
        an_outcome(values={"cost": 0.5}, at=T0 + 2 * MINUTE),
        an_outcome(values={"cost": 0.25}, at=T0 + MINUTE),
        an_outcome(values={"cost": 0.25}, at=T0 + 3 * MINUTE),
    ]

    assert dict(the_example(events)["outcomes"]) == {"cost": 0.25}
    audit = audit_of(events)
    assert (audit.duplicate, audit.outcome_conflict) == (2, 1)


def test_one_outcome_id_may_report_several_names():
    events = [a_decision(), an_outcome(values={"clicked": 1.0}), an_outcome(values={"cost": 1.0})]

    assert the_example(events)["n_duplicates"] == 0


def test_two_values_received_at_the_same_moment_are_told_apart_the_same_way_in_any_order():
    one, other = an_outcome(values={"cost": 0.5}), an_outcome(values={"cost": 0.25})

    first = the_example([a_decision(), one, other], writers=[(1, 0), (1, 1), (1, 2)])
    second = the_example([a_decision(), one, other], writers=[(1, 0), (1, 2), (1, 1)])

    assert first["reward"] == second["reward"]


def test_an_outcome_without_its_decision_is_counted_as_orphan():
    audit = audit_of([a_decision("d1"), an_outcome("nobody")])

    assert (audit.orphan, audit.unrewarded, audit.outcomes) == (1, 1, 1)


def test_a_missing_pmf_or_mask_stays_null():
    example = the_example([a_decision(pmf=None, propensity_kind="unknown")])

    assert (example["pmf"], example["mask"], example["action_value"], example["density"]) == (None, None, None, None)


def test_examples_come_in_the_order_of_the_decisions():
    events = [a_decision("b", at=T0 + 2), a_decision("c", at=T0), a_decision("a", at=T0 + 1)]

    assert [e["decision_id"] for e in examples_of(events)] == ["c", "a", "b"]


def test_the_audit_adds_up():
    events = [
        a_decision("joined"),
        an_outcome("joined"),
        a_decision("unrewarded"),
        a_decision("waiting", at=T0 + 5 * HOUR),
        a_decision("deferred", is_deferred=True),
        a_decision("unusable"),
        an_outcome("unusable", values={"$executed": None}, executed="{}"),
    ]

    audit = audit_of(events, watermark=T0 + HOUR)

    assert audit.decisions == 5
    assert (audit.joined, audit.unrewarded, audit.waiting, audit.not_activated, audit.unusable) == (1, 1, 1, 1, 1)
    assert audit.join_rate == 0.5


def test_nothing_joins_to_nothing():
    assert examples_of([]) == []


# Few ids, few moments and few values, so that every kind of collision happens often.
moments = st.sampled_from([T0 + m * MINUTE for m in (-1, 0, 1, 5, 9, 10, 11, 15, 60)])
some_ids = st.sampled_from(["a", "b", "c"])
decisions = st.builds(
    a_decision,
    some_ids,
    at=st.sampled_from([T0, T0 + 1, T0 + 5 * MINUTE]),
    context=st.sampled_from(['{"hour":7}'] * 4 + ['{"hour":8}']),
    pmf=st.sampled_from([[[0.5, 0.3, 0.2]]] * 4 + [None, [[0.25, 0.25, 0.5]], [pack_floats([1 / 64] * 64)]]),
    is_deferred=st.sampled_from([False, False, True]),
    action=st.sampled_from([[0], [2]]),
)
outcomes = st.builds(
    an_outcome,
    st.sampled_from(["a", "b", "c", "nobody"]),
    at=moments,
    outcome_id=st.sampled_from(["o1", "o2", "o3"]),
    values=st.dictionaries(
        st.sampled_from(["clicked", "dwell_s", "cost", "liked"]), st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0]), min_size=1
    ),
    occurred_at=st.none() | moments,
    final=st.sampled_from([False, False, True]),
)
activations = st.builds(
    an_outcome, some_ids, at=moments, outcome_id=st.just("$activated"), values=st.just({"$activated": None})
)
substitutions = st.builds(
    an_outcome,
    some_ids,
    at=moments,
    outcome_id=st.just("x"),
    values=st.just({"$executed": None}),
    executed=st.sampled_from(["0", "1"]),
)
some_events = st.lists(st.one_of(decisions, decisions, outcomes, outcomes, outcomes, activations, substitutions), max_size=24)
watermarks = st.sampled_from([T0, T0 + 5 * MINUTE, T0 + 10 * MINUTE, T0 + 15 * MINUTE, FOREVER])


COPIES = 40


def in_worlds(copies):
    """Lists of (event, (writer, seq)) side by side in one set of rows: copy i's ids end in `#i`, its records are its own.

    Joining many at once is what makes a thousand permutations cheap; decisions do not know one another.
    """
    events, writers = [], []
    for i, copy in enumerate(copies):
        for event, (writer, seq) in copy:
            events.append(msgspec.structs.replace(event, decision_id=f"{event.decision_id}#{i}"))
            writers.append((writer, seq + 1000 * i))
    return tables(events, writers=writers)


def by_world(examples, *, without=()):
    """Examples by copy and id, without the copy's own marks."""
    worlds = defaultdict(dict)
    for example in examples.to_pylist():
        decision_id, world = example.pop("decision_id").split("#")
        worlds[int(world)][decision_id] = {k: v for k, v in example.items() if k not in without} | {
            "seq": example["seq"] % 1000
        }
    return [worlds[i] for i in range(COPIES)]


@settings(max_examples=25)  # times COPIES - 1 permutations
@given(some_events, st.randoms(use_true_random=False), watermarks, st.sampled_from(["window", "final"]))
def test_any_order_and_any_repetition_of_the_same_records_gives_the_same_examples(events, random, watermark, close):
    records = [(event, (1 + i % 3, i)) for i, event in enumerate(events)]
    copies = [records]
    while len(copies) < COPIES:
        repeated = records + random.sample(records, random.randint(0, len(records)))
        random.shuffle(repeated)
        copies.append(repeated)

    examples = join(*in_worlds(copies), a_spec(close=close), watermark=watermark)

    first, *others = by_world(examples)
    assert all(other == first for other in others)


@settings(max_examples=25)
@given(some_events, st.randoms(use_true_random=False))
def test_sending_any_of_the_events_again_later_changes_no_reward(events, random):
    records = [(event, (1 + i % 3, i)) for i, event in enumerate(events)]
    again = [(shifted(event), (4, 500 + i)) for i, event in enumerate(events)]
    copies = [records] + [records + random.sample(again, random.randint(0, len(again))) for _ in range(COPIES - 1)]

    examples = join(*in_worlds(copies), a_spec(), watermark=FOREVER)

    first, *others = by_world(examples, without={"n_duplicates"})
    assert all(other == first for other in others)


def shifted(event):
    """What the server logs when the same request comes again a day later: a new time, the rest is the same."""
    if isinstance(event, Decision):
        return a_decision(
            event.decision_id,
            at=event.decided_at + 24 * HOUR,
            context=event.context,
            pmf=event.pmf,
            is_deferred=event.is_deferred,
            action=event.action,
        )
    return an_outcome(
        event.decision_id,
        at=event.received_at + 24 * HOUR,
        outcome_id=event.outcome_id,
        values=event.values,
        occurred_at=event.occurred_at,
        executed=event.executed,
    )


@settings(max_examples=25)
@given(st.lists(some_events, max_size=COPIES), watermarks, st.sampled_from(["window", "final"]))
def test_the_join_agrees_with_a_slow_and_plain_one(worlds, watermark, close):
    spec = a_spec(close=close)
    copies = [[(e, (1 + i % 3, i)) for i, e in enumerate(distinct_times(events))] for events in worlds]
    decided, seen = in_worlds(copies)
    expected = reference_examples(decided.to_pylist(), seen.to_pylist(), spec, watermark=watermark)

    got = {e["decision_id"]: e for e in join(decided, seen, spec, watermark=watermark).to_pylist()}

    assert got.keys() == expected.keys()
    for decision_id, facts in expected.items():
        found = {name: got[decision_id][name] for name in facts}
        found["outcomes"] = dict(found["outcomes"])
        assert json.dumps(found) == json.dumps(facts)


def distinct_times(events):
    """The same outcomes, no two received at the same moment: which of equals is first is the fast join's own affair."""
    out = []
    for i, event in enumerate(events):
        if isinstance(event, Decision):
            out.append(event)
        else:
            fields = {f: getattr(event, f) for f in ("outcome_id", "values", "occurred_at", "final", "executed")}
            out.append(an_outcome(event.decision_id, at=event.received_at + i, **fields))
    return out
