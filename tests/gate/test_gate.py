"""The gate's look at a refresh: hard checks first, then the loop's rule, and every step with its reason."""

from dataclasses import replace

import numpy as np

from policyloop.gate.entrant import Entrant
from policyloop.gate.gate import look
from policyloop.gate.verdict import Call, from_json, to_json


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


def test_a_good_refresh_is_promoted_with_its_estimates(policy_of, spec, log, clock, worse):
    champion = entrant("old", worse)

    got = look(
        entrant("new", policy_of()),
        champion=champion,
        anchor=champion,
        examples=log(worse, 500, seed=1),
        spec=spec,
        clock=clock,
    )

    assert (got.kind, got.call, got.model, got.champion, got.anchor) == ("refresh", Call.PROMOTE, "new", "old", "old")
    assert [r.name for r in got.reasons] == ["runs", "finite", "probabilities", "floor", "latency", "no-harm"]
    assert set(got.estimates) == {"challenger", "champion", "baseline", "difference"}
    assert (got.n_evidence, got.evidence_until) == (500, 499)
    assert from_json(to_json(got)) == got


def test_harm_retires_it(policy_of, spec, log, clock, worse):
    champion = entrant("old", policy_of())

    got = look(
        entrant("new", worse),
        champion=champion,
        anchor=champion,
        examples=log(policy_of(), 2000, seed=1),
        spec=spec,
        clock=clock,
    )

    assert got.call == Call.RETIRE
    assert got.sentence.startswith("Harm against the champion in 2,000 evaluation events: it earns 0.1")


def test_a_broken_model_is_refused_before_any_evidence_is_looked_at(policy_of, spec, log, clock, truth):
    champion = entrant("old", policy_of())
    broken = entrant("new", policy_of(floor=0.0))

    got = look(broken, champion=champion, anchor=champion, examples=log(policy_of(), 500, seed=1), spec=spec, clock=clock)

    assert got.call == Call.REFUSE
    assert "no-harm" not in {reason.name for reason in got.reasons}
    assert got.estimates == {}


def test_the_first_model_replaces_the_baseline_on_the_hard_checks_alone(policy_of, spec, log, clock, worse):
    got = look(entrant("new", worse), champion=None, anchor=None, examples=log(worse, 50, seed=1), spec=spec, clock=clock)

    assert got.call == Call.PROMOTE
    assert got.reasons[-1].name == "first"
    assert set(got.estimates) == {"challenger", "baseline"}


def test_the_first_model_needs_no_evidence_at_all(policy_of, spec, log, clock):
    rows = log(policy_of(), 100, seed=1)
    all_fallback = replace(rows, is_fallback=np.ones(100, dtype=bool))

    got = look(entrant("new", policy_of()), champion=None, anchor=None, examples=all_fallback, spec=spec, clock=clock)

    assert (got.call, got.n_evidence, got.estimates) == (Call.PROMOTE, 0, {})


def test_without_evidence_a_refresh_goes_live_and_that_is_its_reason(policy_of, spec, log, clock, worse):
    champion = entrant("old", policy_of())

    got = look(
        entrant("new", worse), champion=champion, anchor=champion, examples=log(worse, 0, seed=1), spec=spec, clock=clock
    )

    assert got.call == Call.PROMOTE
    assert "Too few events to see harm against the champion: 0 of 0 evaluation events" in got.sentence


def test_events_of_the_train_split_are_no_evidence(policy_of, spec, log, clock):
    rows = log(policy_of(), 100, seed=1)
    half = replace(rows, split=np.where(np.arange(100) < 50, 0.79, 0.8))
    champion = entrant("old", policy_of())

    got = look(entrant("new", policy_of()), champion=champion, anchor=champion, examples=half, spec=spec, clock=clock)

    assert got.n_evidence == 50


def test_the_same_look_gives_the_same_verdict(policy_of, spec, log, clock, worse):
    champion = entrant("old", policy_of())
    rows = log(policy_of(), 300, seed=1)

    first, second = (
        look(entrant("new", worse), champion=champion, anchor=champion, examples=rows, spec=spec, clock=clock) for _ in range(2)
    )

    without_latency = [
        replace(verdict, reasons=tuple(r for r in verdict.reasons if r.name != "latency")) for verdict in (first, second)
    ]
    assert without_latency[0] == without_latency[1]
