"""The doctor: each cause is found in a loop with that very fault, and in no healthy one."""

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from clinic import random_context
from market import MARKET, Market
from policyloop.care.doctor.cause import Cause, ranked
from policyloop.care.doctor.diagnose import CAUSES, diagnose
from policyloop.core import plugins
from policyloop.core.clock import US_PER_S
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.run import jobs
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.entrants import entrant_of
from policyloop.run.lease import WORK, Lease
from policyloop.run.log_check import begin_again, remembered
from policyloop.run.refresh import refresh
from policyloop.run.watches.log_watch import check_log
from shop import SHOP
from trained import examples_of_chance, publish_one

SHOP_CONTEXT = SHOP["context"]


def with_reward(**changes):
    return {"expression": "clicked", "range": [0, 1], "window": "10m", "close": "final", **changes}


def market_of(deployment, **actions):
    """A loop over candidates, with buyers."""
    deployment.registry.apply(read_spec({**MARKET, "actions": {**MARKET["actions"], **actions}}))
    return Market(deployment)


def joined(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("market").spec)


def diagnosed(market):
    market.log.close()
    joined(market.deployment)
    return diagnose(market.deployment, "market")


# A healthy loop


def test_a_loop_that_nobody_asked_yet_is_healthy_and_says_so(clinic):
    found = clinic().diagnose()

    assert found.is_healthy
    assert found.sentence == "Loop 'shop' is healthy: it was not asked for a decision yet."


def test_a_young_loop_is_healthy_and_says_how_many_decisions_it_waits_for(clinic):
    patient = clinic()
    patient.visit(42)

    found = patient.diagnose()

    assert found.is_healthy
    assert found.needs == 18
    assert found.sentence == "Loop 'shop' is healthy, and young: it needs about 18 more decisions."
    assert found.notes == ("No model was trained yet; the first training waits for 18 more examples.",)


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_loop_has_no_cause_at_any_age(clinic, seed):
    patient = clinic(seed)

    for n in (30, 300, 1200):
        patient.visit(n, every_s=2)
        patient.refresh()
        assert patient.diagnose().causes == ()
        patient.settle()


def test_a_rare_reward_is_no_illness(clinic):
    patient = clinic()
    patient.visit(3000, report=lambda context, action, rng: {"clicked": rng.random() < 0.005})

    assert patient.diagnose().causes == ()


def test_in_a_few_hundred_decisions_without_an_outcome_there_is_a_note_and_no_cause(clinic):
    patient = clinic(reward=with_reward(close="window"))
    patient.visit(400, report=lambda *_: None)
    patient.hours_pass()
    patient.visit(1, report=lambda *_: None)

    found = patient.diagnose()

    assert found.is_healthy
    assert found.notes[-1].startswith("No outcome came to the last 400 settled decisions.")


def test_a_healthy_loop_of_candidates_has_no_cause(deployment):
    market = market_of(deployment)

    for _ in range(2):
        market.visit(1200)
        joined(deployment)
        refresh(deployment, "market")

    found = diagnosed(market)
    assert found.causes == ()
    assert found.n_examples == 2400


# Rewards


def test_no_rewards(clinic):
    patient = clinic(reward=with_reward(close="window"))
    patient.visit(1200, report=lambda *_: None)
    patient.hours_pass()
    patient.visit(1, report=lambda *_: None)

    cause = patient.cause("no-rewards")

    assert cause.severity == "stops"
    assert cause.sentence == "No outcome came to any of the last 1,200 settled decisions, so every reward is the default, 0."
    assert "Send 'clicked' with the decision_id that decide answered" in cause.advice


def test_constant_reward(clinic):
    patient = clinic()
    patient.visit(1200, report=lambda *_: {"clicked": True})

    cause = patient.cause("constant-reward")

    assert cause.sentence == "The reward is 1 in all of the 1,200 newest examples, though outcomes arrive."


def test_a_reward_that_can_only_be_one_number_is_seen_before_the_first_decision(clinic):
    cause = clinic(reward=with_reward(expression="clicked * 0")).cause("constant-reward")

    assert "reward.expression is 0 whatever happens" in cause.sentence


def test_misspelt_names(clinic):
    patient = clinic()
    patient.visit(100)
    patient.visit(50, report=lambda *_: {"clickd": True})

    cause = patient.cause("misspelt-names")

    assert cause.severity == "misleads"
    assert "50 of 150 outcomes" in cause.sentence
    assert "'clickd' (50 times; did you mean 'clicked'?)" in cause.sentence
    assert cause.share == pytest.approx(1 / 3)


def test_where_every_name_is_misspelt_that_is_told_and_not_that_no_rewards_come(clinic):
    patient = clinic()
    patient.visit(500, report=lambda *_: {"clickd": True})

    assert patient.cause("misspelt-names").severity == "stops"


def test_one_stray_name_in_thousands_is_no_illness(clinic):
    patient = clinic()
    patient.visit(2000)
    patient.visit(1, report=lambda *_: {"experiment": 1})

    assert patient.diagnose().causes == ()


def test_orphan_outcomes(clinic):
    patient = clinic()
    patient.visit(100)
    decider = patient.swap.find("shop")
    for i in range(25):
        patient.report(decider, f"of-another-server-{i}", {"clicked": True})
    patient.log.roll()

    cause = patient.cause("orphan-outcomes")

    assert "25 of 125 outcomes (20.0%) belong to no decision" in cause.sentence


def test_join_rate_fallen(clinic):
    patient = clinic(reward=with_reward(close="window"))
    for _ in range(5):
        patient.visit(80, report=lambda *_: {"clicked": True} if patient.rng.random() < 0.6 else None)
        patient.hours_pass()
    patient.visit(80, report=lambda *_: {"clicked": True} if patient.rng.random() < 0.05 else None)
    patient.hours_pass()
    patient.visit(1)

    cause = patient.cause("join-rate-fallen")

    assert "in 2026-01-05T05 (" in cause.sentence
    assert "80 examples are held back" in cause.sentence
    assert "`policyloop join shop --release 2026-01-05T05` lets the hour in" in cause.advice


def test_window_too_short(clinic):
    patient = clinic(reward=with_reward(close="window"))
    patient.visit(400, after_s=lambda rng: rng.expovariate(1 / 400), final=False)
    patient.hours_pass(3)
    patient.visit(1, final=False)

    cause = patient.cause("window-too-short")

    assert 0.15 < cause.share < 0.3  # exp(-600 / 400) = .22 of them
    assert cause.numbers["delay_99_s"] == pytest.approx(-400 * np.log(0.01), rel=0.3)
    assert "happened after reward.window (10m) was over" in cause.sentence
    assert "as reward.window. While a model is live it has to be a new loop, under another name." in cause.advice


def test_a_few_late_outcomes_are_no_illness(clinic):
    patient = clinic(reward=with_reward(close="window"))
    patient.visit(400, after_s=lambda rng: rng.expovariate(1 / 150), final=False)
    patient.hours_pass(3)
    patient.visit(1, final=False)

    assert patient.diagnose().causes == ()


def test_rewards_clipped(clinic):
    outcomes = {"clicked": {"type": "boolean", "take": "max"}, "paid": {"type": "number", "min": 0}}
    patient = clinic(outcomes=outcomes, reward=with_reward(expression="clicked + paid"))
    patient.visit(300, report=lambda context, action, rng: {"clicked": rng.random() < 0.5, "paid": 3 * (rng.random() < 0.02)})

    cause = patient.cause("rewards-clipped")

    assert cause.severity == "stops"
    assert "were outside reward.range [0, 1] and cut; above 0.1% no model is promoted" in cause.sentence


# Decisions


def test_conflicting_decisions(clinic):
    patient = clinic()
    patient.visit(100)
    for device in ("phone", "desktop"):
        patient.settle()  # another server each time, which remembers no ids
        patient.swap.look()
        decider = patient.swap.find("shop")
        for i in range(10):
            decider.decide(DecideRequest(context={"hour": 1, "device": device}, decision_id=f"twice-{i}"))

    cause = patient.cause("conflicting-decisions")

    assert "10 of 110 decisions (9.1%) were made twice under one id" in cause.sentence


def test_executed_otherwise(clinic):
    patient = clinic()
    patient.visit(100)
    patient.visit(20, executed="bold")

    cause = patient.cause("executed-otherwise")

    assert cause.numbers["examples"] == 120
    assert "another action than the chosen was carried out" in cause.sentence


def test_propensities_untrue(clinic):
    patient = clinic()
    patient.visit(200)
    patient.refresh()

    def serve_the_best(event):
        best = int(np.argmax(event.probabilities()))
        return msgspec.structs.replace(event, action=[best], propensity=event.probabilities()[best])

    patient.tamper = serve_the_best
    patient.visit(400)
    patient.settle()
    check_log(patient.deployment, "shop")

    causes = {cause.name: cause for cause in patient.diagnose().causes}

    assert set(causes) == {"propensities-untrue", "held-by-person"}  # the watch has frozen the loop
    assert causes["propensities-untrue"].severity == "stops"
    assert "the best action alone was served" in causes["propensities-untrue"].sentence
    assert "`policyloop gate unfreeze shop` begins the check anew" in causes["propensities-untrue"].advice

    begin_again(patient.deployment, "shop")
    patient.deployment.registry.unfreeze("shop")
    assert patient.diagnose().causes == ()


def test_before_the_first_look_nothing_is_said_of_propensities_and_what_overrules_is_a_cause_of_its_own(clinic):
    patient = clinic()
    patient.visit(100)
    patient.visit(100, executed="bold")
    before = patient.diagnose()
    check_log(patient.deployment, "shop")

    names = [cause.name for cause in patient.diagnose().causes]

    assert [cause.name for cause in before.causes] == ["executed-otherwise"]
    assert "log-executed" in [alarm.name for alarm in remembered(patient.deployment, patient.spec).alarms]
    assert sorted(names) == ["executed-otherwise", "held-by-person"]


def test_a_model_that_knows_by_heart_what_was_drawn_makes_no_propensity_untrue(clinic):
    names = [f"visitor {i}" for i in range(60)]
    in_turn = itertools.cycle(names)
    spec = {"context": {"visitor": {"type": "category", "values": names}}, "train": {"every": "60 examples", "split": 0.99}}
    seen = {"context": lambda _: {"visitor": next(in_turn)}, "report": lambda *_: {"clicked": True}}
    patient = clinic(**spec, explore={"name": "greedy", "floor": 1})
    patient.visit(60, **seen)
    patient.refresh()
    patient.visit(240, **seen)  # evenly drawn
    patient.settle()
    registry = patient.deployment.registry
    patient.spec = read_spec({**SHOP, **spec, "explore": {"name": "greedy", "floor": 0.2}})
    registry.apply(patient.spec)
    rows, _ = examples_of(patient.deployment.lake, registry, patient.spec)
    often = rows.action.reshape(5, 60).mean(axis=0) > 0.5  # what each visitor got more often
    by_heart = replace(rows, reward=(rows.action == np.tile(often, 5)).astype(float))
    registry.promote_by_person("shop", publish_one(patient.deployment, by_heart, loop="shop"), why="to be tested")

    policy = entrant_of(patient.deployment.registry, patient.spec, registry.standing("shop").champion).policy
    favourite = policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates).argmax(axis=1)
    checked = check_log(patient.deployment, "shop")

    assert (favourite == rows.action).mean() > 0.6  # some .69, where .5 would be chance
    assert (checked.is_alarm, checked.n) == (False, 240)
    assert "propensities-untrue" not in [cause.name for cause in patient.diagnose().causes]


def test_floor_too_low(clinic):
    cause = clinic(explore={"name": "greedy", "floor": 0.001}).cause("floor-too-low")

    assert cause.severity == "slows"
    assert cause.numbers["largest_weight"] == 2000
    assert cause.sentence.startswith("In the spec, explore.floor is 0.001 over 2 actions: one example may weigh 2,000")


def test_of_candidates_the_floor_is_held_against_as_many_as_are_offered(deployment):
    deployment.registry.apply(read_spec({**MARKET, "explore": {"name": "epsilon_greedy", "floor": 0.05}}))
    market = Market(deployment)
    market.visit(20)
    few = diagnosed(market)
    market = Market(deployment)
    market.visit(2, n_candidates=60)

    (cause,) = diagnosed(market).causes

    assert few.causes == ()
    assert cause.name == "floor-too-low"
    assert cause.numbers["largest_weight"] == pytest.approx(1200)


def test_without_a_floor_no_gate_can_pass(clinic):
    cause = clinic(explore={"name": "greedy", "floor": 0}).cause("floor-too-low")

    assert cause.severity == "stops"
    assert cause.numbers["largest_weight"] is None


def test_action_dominates(clinic):
    patient = clinic(explore={"name": "greedy", "floor": 0.04})
    patient.visit(100, report=lambda context, action, rng: {"clicked": action == "calm"})  # by chance; bold is as good
    patient.refresh()
    patient.visit(2500, report=lambda context, action, rng: {"clicked": rng.random() < (0.5 if action == "calm" else 0.9)})

    cause = patient.cause("action-dominates")

    assert cause.share > 0.95
    assert "'calm' is taken in 9" in cause.sentence
    assert "'bold' may earn as much" in cause.sentence


def test_an_action_that_earns_more_may_dominate(clinic):
    patient = clinic(explore={"name": "greedy", "floor": 0.04})
    report = lambda context, action, rng: {"clicked": rng.random() < (0.6 if action == "calm" else 0.1)}  # noqa: E731

    patient.visit(100, report=report)
    patient.refresh()
    patient.visit(2500, report=report)

    assert patient.diagnose().causes == ()


# Features


def test_features_constant(clinic):
    patient = clinic()
    patient.visit(1200, context=lambda rng: {"hour": 12, "device": rng.choice(["phone", "desktop"])})

    cause = patient.cause("features-constant")

    assert cause.sentence == "'hour' is always 12 in the 1,200 newest decisions."


def test_features_missing(clinic):
    context = {**SHOP_CONTEXT, "campaign": {"type": "category", "optional": True}}
    patient = clinic(context=context)
    patient.visit(1200)

    cause = patient.cause("features-missing")

    assert cause.severity == "slows"
    assert cause.sentence == "'campaign' was never sent (1,200 newest decisions)."


def test_a_field_that_comes_no_more_is_missing(clinic):
    patient = clinic(context={**SHOP_CONTEXT, "campaign": {"type": "category", "optional": True}})
    patient.visit(800, context=lambda rng: {**random_context(rng), "campaign": rng.choice("abc")})
    patient.visit(800, context=lambda rng: {**random_context(rng), "campaign": rng.choice(["a", "b", "c", None])})
    patient.visit(100, context=lambda rng: {**random_context(rng), "campaign": rng.choice(["a", "b", "c", None])})

    cause = patient.cause("features-missing")

    assert cause.severity == "misleads"
    assert cause.sentence.startswith("'campaign' is missing in 2")


def test_features_drifting(clinic):
    patient = clinic()
    patient.visit(700, context=lambda rng: {**random_context(rng), "device": "phone" if rng.random() < 0.8 else "desktop"})
    patient.visit(700, context=lambda rng: {**random_context(rng), "device": "phone" if rng.random() < 0.4 else "desktop"})

    cause = patient.cause("features-drifting")

    assert "The later half of the newest decisions is unlike the earlier: " in cause.sentence
    assert cause.numbers["moved"] == pytest.approx(0.4, abs=0.1)


def test_features_of_candidates_are_looked_at_too(deployment):
    stock = {"price": {"type": "number"}, "in_stock": {"type": "boolean", "default": True}}
    market = market_of(deployment, features=stock)
    market.visit(1200)

    (cause,) = diagnosed(market).causes

    assert cause.name == "features-constant"
    assert cause.sentence == "'action in_stock' is always true in the 1,200 newest decisions."


# Training and gate


def test_training_failed(clinic):
    patient = clinic()
    patient.visit(100)
    records = patient.deployment.records
    jobs.queue(records, "shop", reason="60 new examples", n_examples=100, now_us=patient.clock.now_us())
    job = jobs.claim(records, now_us=patient.clock.now_us())
    jobs.finish(records, job.id, state="failed", message="out of memory.", now_us=patient.clock.now_us())

    cause = patient.cause("training-failed")

    assert cause.sentence == "The last training failed once: out of memory."


def test_model_refused(clinic):
    patient = clinic()
    patient.visit(100)
    made = patient.refresh()
    slow = Reason(name="latency", call=Call.REFUSE, sentence="A decision takes 9,000 us.", is_check=True)
    refused = Verdict(
        kind="refresh", call=Call.REFUSE, model=made.model, champion=made.model, anchor=made.model, reasons=(slow,)
    )
    patient.deployment.registry.record("shop", refused)
    patient.deployment.registry.record("shop", refused)

    cause = patient.cause("model-refused")

    assert cause.sentence.startswith(f"The newest 2 models did not pass the hard checks ({made.model[:12]}: A decision takes")


def test_gate_starved(clinic):
    patient = clinic(explore={"name": "greedy", "floor": 0.01}, baseline="calm", train={"every": "60 examples", "split": 0.2})
    likes_calm = lambda context, action, rng: {"clicked": rng.random() < (0.9 if action == "calm" else 0.1)}  # noqa: E731
    patient.visit(500, report=likes_calm)
    patient.refresh()
    patient.visit(1500, report=likes_calm)
    assert patient.diagnose().causes == ()
    chance = examples_of_chance(patient.deployment, "shop")
    prefers_bold = publish_one(patient.deployment, replace(chance, reward=chance.action.astype(float)), loop="shop")

    cause = patient.cause("gate-starved")

    assert prefers_bold[:12] in cause.sentence
    assert cause.numbers["ess"] < 20


# The machine


def test_worker_missing(clinic):
    patient = clinic()
    patient.visit(10)
    patient.settle()

    (cause,) = diagnose(patient.deployment, "shop").causes

    assert cause.name == "worker-missing"
    assert cause.advice.startswith("Start `policyloop work`")


def test_tables_behind(clinic):
    patient = clinic()
    patient.visit(10)
    patient.settle()
    worker = Lease(patient.deployment.records, WORK, holder="a worker that hangs", clock=patient.clock)
    patient.clock.at += 300 * US_PER_S
    assert worker.take()

    (cause,) = diagnose(patient.deployment, "shop").causes

    assert cause.name == "tables-behind"
    assert cause.numbers["behind_s"] == pytest.approx(300, abs=1)


def test_data_folder(clinic):
    patient = clinic()
    quarantine = patient.deployment.home.log / "quarantine"
    quarantine.mkdir(parents=True)
    (quarantine / "a.plog").write_bytes(b"?")

    cause = patient.cause("data-folder")

    assert cause.sentence == "The log was damaged: a.plog in log/quarantine."


def test_held_by_person(clinic):
    patient = clinic()
    registry = patient.deployment.registry

    registry.pause("shop")
    paused = patient.cause("held-by-person")
    registry.resume("shop")
    registry.freeze("shop", why="a test")
    frozen = patient.cause("held-by-person")

    assert "policyloop resume shop" in paused.advice
    assert "policyloop gate unfreeze shop" in frozen.advice


# The family


def test_every_cause_has_a_test_of_its_name():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}

    assert set(plugins.ours(CAUSES)) - tests == set()


def test_causes_are_ranked_by_what_they_do_and_then_by_how_much_they_touch():
    def cause(name, severity, share):
        return Cause(name=name, severity=severity, sentence="", advice="", share=share)

    few, many = cause("few", "misleads", 0.1), cause("many", "misleads", 0.5)
    none, slow = cause("none", "stops", 0.0), cause("slow", "slows", 1.0)

    assert ranked([slow, few, none, many]) == (none, many, few, slow)
