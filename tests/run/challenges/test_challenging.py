"""A challenge from its recipe to the end: proven it goes live, unproven it never does, and the log alone tells it all again."""

import dataclasses

import pytest

from blind_shop import AS_BLIND, BLIND, SEEING, begin, join, lived_through, shop_of
from policyloop.core.errors import ChallengeRefused, Invalid
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.join.history import examples_of
from policyloop.run import jobs
from policyloop.run.challenges import challenging
from policyloop.run.looks import look
from policyloop.run.refresh import refresh
from shop import SHOP, Shop


@pytest.fixture
def blind(deployment):
    shop = shop_of(deployment)
    yield shop
    shop.log.close()


def test_a_better_recipe_goes_live_after_it_was_proven_and_brings_its_spec(blind, deployment):
    begin(deployment)

    states = lived_through(blind, n=250, rounds=25)

    standing = deployment.registry.standing("shop")
    challenge = deployment.registry.challenges.all("shop")[0]
    assert states == [State.LOG_CHECK, State.SHADOW, State.CANARY, State.RAMP, State.LIVE]
    assert (standing.champion, standing.row.anchor) == (challenge.model, challenge.model)
    assert standing.spec.context["device"].learn
    proof = next(m.verdict for m in deployment.registry.challenges.moves("shop") if m.after == State.RAMP)
    assert proof.call == Call.PROMOTE
    assert proof.sentence.startswith("Proven better in ")
    assert proof.n_evidence >= 1000


def test_a_recipe_that_is_no_better_stays_where_it_is(blind, deployment):
    begin(deployment, AS_BLIND)

    states = lived_through(blind, n=250, rounds=14)

    assert states[-1] == State.CANARY
    assert deployment.registry.standing("shop").spec.learner.settings == {}


def test_a_recipe_that_is_worse_is_retired(deployment):
    deployment.registry.apply(read_spec({**SHOP, "gate": {"canary": 0.3}}))
    shop = Shop(deployment)
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    begin(deployment, "context: [hour]\n")

    states = lived_through(shop, n=250, rounds=25)
    shop.log.close()

    assert states[-1] == State.RETIRED
    last = deployment.registry.challenges.moves("shop")[0].verdict
    assert (last.call, last.kind) == (Call.RETIRE, "challenge")
    assert deployment.registry.standing("shop").spec.context["device"].learn


def test_another_process_finds_the_same_evidence_in_the_tables(blind, deployment):
    row = begin(deployment)
    lived_through(blind, n=120, rounds=12, until=State.RAMP)
    standing = deployment.registry.standing("shop")
    row = deployment.registry.challenges.open("shop")
    carried = challenging.carried_account(deployment, row)
    spec = challenging.spec_of(standing, row)

    anew = challenging.account_anew(deployment, standing, row, spec, like=carried)

    assert carried.evidence.n > 200
    assert anew.evidence.n == carried.evidence.n
    for one, other in zip(anew.evidence.better.log_wealth, carried.evidence.better.log_wealth, strict=True):
        assert one == pytest.approx(other, abs=1e-12, rel=1e-12)
    assert anew.evidence.total == pytest.approx(carried.evidence.total, rel=1e-12)


def test_both_lines_refresh_while_a_challenge_goes_on(blind, deployment):
    begin(deployment)
    lived_through(blind, n=150, rounds=5, until=State.CANARY)
    first = deployment.registry.challenges.open("shop").model

    champion = deployment.registry.standing("shop").champion
    refresh(deployment, "shop")
    told = challenging.train_next(deployment, "shop")

    assert deployment.registry.challenges.open("shop").model != first
    assert deployment.registry.standing("shop").champion != champion
    assert told.startswith("model ")
    assert lived_through(blind, n=250, rounds=25)[-1] == State.LIVE


def test_a_proven_challenger_waits_for_a_person_where_the_loop_says_so(deployment):
    shop = shop_of(deployment, approval="manual")
    begin(deployment)
    lived_through(shop, n=250, rounds=12)

    challenge = deployment.registry.challenges.open("shop")
    assert (challenge.state, challenge.is_waiting) == (State.CANARY, True)

    deployment.registry.challenges.approve("shop", why="looks right")
    assert lived_through(shop, n=250, rounds=6)[-1] == State.LIVE
    shop.log.close()


def test_a_guard_that_is_broken_ends_a_challenge_that_would_have_won(deployment):
    shop = shop_of(deployment, guards={"clicked": {"margin": 0.01, "better": "lower"}})
    begin(deployment)

    states = lived_through(shop, n=250, rounds=25)
    shop.log.close()

    assert states[-1] == State.RETIRED
    assert "Guard clicked" in deployment.registry.challenges.moves("shop")[0].verdict.sentence


def test_a_subject_stays_on_one_side_and_counts_once_in_each_state(deployment):
    spec = {
        **BLIND,
        "context": {**BLIND["context"], "visitor": {"type": "text", "store": "never", "optional": True}},
        "subject": "visitor",
        "gate": {"canary": 0.3, "hold_out": 0.2, "sticky": True},
    }
    deployment.registry.apply(read_spec(spec))
    shop = Shop(deployment)
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    begin(deployment)
    lived_through(shop, n=250, rounds=9, until=State.CANARY, visitors=150)
    for _ in range(3):
        shop.visit(100, visitors=150)
        join(deployment)
        look(deployment, "shop")
    shop.log.close()

    standing, row = deployment.registry.standing("shop"), deployment.registry.challenges.open("shop")
    carried = challenging.carried_account(deployment, row)
    anew = challenging.account_anew(deployment, standing, row, challenging.spec_of(standing, row), like=carried)
    examples, _ = examples_of(deployment.lake, deployment.registry, standing.spec)
    side_of = {}
    for unit, state, side in zip(examples.trial.unit, examples.trial.state, examples.trial.side, strict=True):
        side_of.setdefault((state, unit), set()).add(side)
    in_canary = [sides for (state, unit), sides in side_of.items() if state == "canary" and unit]
    assert row.state == State.CANARY
    assert carried.n_served == 300
    assert all(len(sides) == 1 for sides in side_of.values())
    assert carried.evidence.n == sum(sides != {"hold-out"} for sides in in_canary)
    assert anew.evidence.n == carried.evidence.n
    assert anew.evidence.total == pytest.approx(carried.evidence.total, rel=1e-12)


def test_a_floor_of_zero_is_refused_with_the_way_out(deployment):
    deployment.registry.apply(read_spec({**BLIND, "explore": {"name": "epsilon_greedy", "epsilon": 0.2, "floor": 0}}))
    shop = Shop(deployment)
    shop.visit(80)
    join(deployment)
    deployment.registry.promote_by_person("shop", _published(deployment), why="no gate can pass")
    begin(deployment)

    states = lived_through(shop, n=200, rounds=6)
    shop.log.close()

    last = deployment.registry.challenges.moves("shop")[0].verdict
    assert states[-1] == State.RETIRED
    assert last.call == Call.REFUSE
    assert "explore.floor is 0" in last.sentence


def _published(deployment):
    """A model of the loop that the gate did not let in."""
    refresh(deployment, "shop")
    standing = deployment.registry.standing("shop")
    models = deployment.registry.models("shop")
    if standing.champion is not None:
        deployment.registry.roll_back_by_person("shop", why="again")
    return models[-1].model


def test_a_recipe_with_another_reward_is_trained_on_that_reward(blind, deployment):
    begin(deployment, 'reward: {expression: "1 - clicked", range: [0, 1]}\ncontext: [hour, device]\n')
    model = deployment.registry.challenges.open("shop").model
    rewards = deployment.registry.load("shop", model).policy().rewards_of_many([{"hour": 1, "device": "phone"}])[0]

    assert rewards[0] < rewards[1]  # phone people click on calm, which earns nothing by that reward


def test_what_is_no_recipe_begins_nothing(blind, deployment):
    with pytest.raises(Invalid, match="no learner is named 'liner'"):
        challenging.begin(deployment, "shop", "learner: liner", why="a try")
    with pytest.raises(Invalid, match="max_weight"):
        challenging.begin(deployment, "shop", "learner: {name: linear, max_weight: -1}", why="a try")
    assert deployment.registry.challenges.open("shop") is None


def test_a_challenge_queues_the_training_of_its_first_model(blind, deployment):
    challenging.begin(deployment, "shop", SEEING, why="a try")

    job = jobs.last(deployment.records, "shop", kind=challenging.JOB)

    assert (job.state, job.reason) == ("queued", "challenge 1 began")
    with pytest.raises(ChallengeRefused, match="challenge 1 of loop 'shop' goes on, in state FROZEN"):
        challenging.begin(deployment, "shop", SEEING, why="again")


def test_an_account_survives_json(blind, deployment):
    begin(deployment)
    lived_through(blind, n=250, rounds=6)
    row = deployment.registry.challenges.open("shop")
    account = challenging.carried_account(deployment, row)

    assert dataclasses.asdict(account)["evidence"]["n"] > 0
    assert challenging.from_map(challenging.to_map(account)) == account
