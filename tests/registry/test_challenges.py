"""Challenges in the records: one at a time, every move written down, and the champion changed only together with it."""

import pytest
from tests.registry.conftest import manifest_of, verdict_on

from policyloop.core.errors import ChallengeRefused, PromotionRefused
from policyloop.gate.ramp import State, Step
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry.recipes import read_recipe

LOOP = "front-page"


@pytest.fixture
def challenges(registry):
    return registry.challenges


@pytest.fixture
def recipe(spec):
    return read_recipe("learner: boosted", spec)


@pytest.fixture
def champion(registry, spec):
    registry.apply(spec)
    model = registry.publish(manifest_of(spec, 1), b"not read here")
    registry.promote(LOOP, verdict_on(model, None))
    return model


@pytest.fixture
def begun(challenges, champion, recipe):
    return challenges.begin(LOOP, recipe, why="a try")


def step_to(state: State, call: Call = Call.PROMOTE, *, name: str = "rule", is_waiting: bool = False) -> Step:
    return Step(state=state, call=call, reasons=(Reason(name=name, call=call, sentence="said so."),), is_waiting=is_waiting)


def verdict_of(step: Step, model: str, champion: str) -> Verdict:
    return Verdict(kind="challenge", call=step.call, model=model, champion=champion, anchor=None, reasons=step.reasons)


def moved(challenges, row, step, *, champion, model="none", evidence=None):
    return challenges.take(row, step, verdict=verdict_of(step, model, champion), evidence=evidence)


def at_ramp(registry, champion, recipe):
    """A challenge in RAMP, and its model."""
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    row = registry.challenges.set_model(row, model)
    for state in (State.LOG_CHECK, State.SHADOW, State.CANARY, State.RAMP):
        row = moved(registry.challenges, row, step_to(state), champion=champion, model=model)
    return row, model


def test_a_loop_without_a_model_has_nothing_to_challenge(registry, challenges, spec, recipe):
    registry.apply(spec)

    with pytest.raises(ChallengeRefused, match="has no model live yet, so there is nothing to challenge"):
        challenges.begin(LOOP, recipe, why="a try")


def test_there_is_one_challenge_at_a_time(challenges, begun, recipe):
    with pytest.raises(ChallengeRefused, match=f"challenge {begun.id} of loop 'front-page' goes on, in state FROZEN"):
        challenges.begin(LOOP, recipe, why="another")


def test_serving_takes_part_from_shadow_to_ramp_and_at_no_other_time(registry, champion, recipe):
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    row = registry.challenges.set_model(row, model)
    shares = {}
    for state in (State.LOG_CHECK, State.SHADOW, State.CANARY, State.RAMP, State.LIVE):
        row = moved(registry.challenges, row, step_to(state), champion=champion, model=model)
        trial = registry.standing(LOOP).trial
        shares[state] = None if trial is None else (trial.model == model, trial.share)

    assert shares == {
        State.LOG_CHECK: None,
        State.SHADOW: (True, 0.0),
        State.CANARY: (True, 0.1),
        State.RAMP: (True, 0.5),
        State.LIVE: None,
    }


def test_live_changes_champion_anchor_and_spec_at_once(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)

    moved(registry.challenges, row, step_to(State.LIVE), champion=champion, model=model)

    standing = registry.standing(LOOP)
    assert (standing.champion, standing.row.anchor, standing.row.previous) == (model, model, champion)
    assert standing.spec.recipe == recipe.recipe
    assert registry.verdicts(LOOP)[0].verdict.kind == "challenge"


def test_a_rollback_brings_the_recipe_of_the_earlier_model_back(registry, champion, recipe, spec):
    row, model = at_ramp(registry, champion, recipe)
    moved(registry.challenges, row, step_to(State.LIVE), champion=champion, model=model)

    registry.roll_back_by_person(LOOP, why="no")

    standing = registry.standing(LOOP)
    assert (standing.champion, standing.spec.digest) == (champion, spec.digest)


def test_live_is_refused_as_a_whole_when_the_champion_is_another_by_now(registry, champion, recipe, spec):
    row, model = at_ramp(registry, champion, recipe)
    newer = registry.publish(manifest_of(spec, 3), b"not read here")
    registry.promote(LOOP, verdict_on(newer, champion))

    with pytest.raises(PromotionRefused, match="judge it again"):
        moved(registry.challenges, row, step_to(State.LIVE), champion=champion, model=model)

    assert registry.challenges.open(LOOP).state == State.RAMP
    assert registry.standing(LOOP).champion == newer


def test_every_move_is_written_down_with_its_verdict(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)

    moves = registry.challenges.moves(LOOP)

    assert [(m.before, m.after) for m in reversed(moves)] == [
        (None, State.FROZEN),
        (State.FROZEN, State.LOG_CHECK),
        (State.LOG_CHECK, State.SHADOW),
        (State.SHADOW, State.CANARY),
        (State.CANARY, State.RAMP),
    ]
    assert moves[0].verdict.sentence == "said so."
    assert moves[-1].verdict.sentence == "Begun by a person: a try"
    assert (row.model, registry.find(LOOP, model).state) == (model, "challenger")


def test_an_alarm_of_the_log_freezes_the_loop_and_lets_the_evidence_go(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)
    row = moved(registry.challenges, row, step_to(State.RAMP), champion=champion, model=model, evidence="{}")
    assert registry.challenges.carried(LOOP, f"challenge:{row.id}") == "{}"

    step = step_to(State.LOG_CHECK, Call.REFUSE, name="log-propensities")
    moved(registry.challenges, row, step, champion=champion, model=model, evidence="{}")

    assert registry.standing(LOOP).row.is_frozen
    assert registry.challenges.carried(LOOP, f"challenge:{row.id}") is None
    assert registry.standing(LOOP).trial is None


def test_a_move_that_somebody_else_made_meanwhile_is_not_overwritten(challenges, begun, champion):
    moved(challenges, begun, step_to(State.LOG_CHECK), champion=champion)

    with pytest.raises(ChallengeRefused, match="is in state LOG-CHECK by now, not FROZEN; look again"):
        moved(challenges, begun, step_to(State.LOG_CHECK), champion=champion)


def test_a_person_approves_what_waits_and_nothing_else(registry, champion, recipe):
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    with pytest.raises(ChallengeRefused, match="is in state FROZEN and waits for nobody's approval"):
        registry.challenges.approve(LOOP, why="yes")
    for state in (State.LOG_CHECK, State.SHADOW, State.CANARY):
        row = moved(registry.challenges, row, step_to(state), champion=champion)
    waiting = moved(registry.challenges, row, step_to(State.CANARY, is_waiting=True), champion=champion)

    approved = registry.challenges.approve(LOOP, why="yes")

    assert waiting.is_waiting
    assert (approved.state, approved.is_waiting, approved.is_approved) == (State.RAMP, False, True)
    assert registry.challenges.moves(LOOP)[0].verdict.sentence == "Approved by a person: yes"


def test_a_person_ends_a_challenge_and_another_may_begin(registry, begun, recipe):
    ended = registry.challenges.retire(LOOP, why="enough")

    assert (ended.state, ended.is_open) == (State.RETIRED, False)
    with pytest.raises(ChallengeRefused, match="no challenge goes on in loop 'front-page'"):
        registry.challenges.retire(LOOP, why="again")
    assert registry.challenges.begin(LOOP, recipe, why="once more").id != ended.id


def test_what_the_hold_out_finds_takes_the_line_back_to_its_anchor(registry, champion, spec):
    newest = champion
    for seed in (3, 4, 5):
        model = registry.publish(manifest_of(spec, seed), b"not read here")
        registry.promote(LOOP, verdict_on(model, newest))
        newest = model

    registry.roll_back(LOOP, verdict_on(newest, champion, call=Call.ROLLBACK, kind="hold-out"))

    assert registry.standing(LOOP).champion == champion
    assert registry.find(LOOP, newest).state == "rolled-back"

    registry.roll_back(LOOP, verdict_on(champion, None, call=Call.ROLLBACK, kind="hold-out"))

    assert registry.standing(LOOP).champion is None


def test_a_newer_model_of_the_line_takes_the_place_of_the_one_before(registry, begun, recipe):
    first, second = (registry.publish(manifest_of(recipe, number), b"not read here") for number in (2, 3))
    for model in (first, second):
        registry.challenges.set_model(begun, model)

    states = {row.model: row.state for row in registry.models(LOOP)}
    assert (states[first], states[second]) == ("replaced", "challenger")
    assert registry.challenges.open(LOOP).model == second


def test_a_model_that_took_long_to_train_is_asked_in_whatever_state_the_challenge_is_by_then(registry, champion, begun, recipe):
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    moved(registry.challenges, begun, step_to(State.LOG_CHECK), champion=champion)

    registry.challenges.set_model(begun, model)

    assert registry.challenges.open(LOOP).model == model


def test_a_model_comes_too_late_for_a_challenge_that_ended(registry, begun, recipe):
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    registry.challenges.retire(LOOP, why="enough")

    with pytest.raises(ChallengeRefused, match=f"challenge {begun.id} of loop 'front-page' ended meanwhile: RETIRED"):
        registry.challenges.set_model(begun, model)


def test_what_was_found_of_an_older_model_moves_nothing(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)
    registry.challenges.set_model(row, registry.publish(manifest_of(recipe, 3), b"not read here"))

    with pytest.raises(ChallengeRefused, match="has a newer model by now; look again"):
        moved(registry.challenges, row, step_to(State.LIVE), champion=champion, model=model)
    assert registry.standing(LOOP).champion == champion


def test_evidence_is_carried_while_the_challenger_is_asked_and_kept_when_it_ends(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)
    row = moved(registry.challenges, row, step_to(State.RAMP), champion=champion, model=model, evidence="{}")
    name = f"challenge:{row.id}"
    assert registry.challenges.carried(LOOP, name) == "{}"

    moved(registry.challenges, row, step_to(State.ROLLED_BACK, Call.RETIRE), champion=champion, model=model, evidence="[]")

    assert registry.challenges.carried(LOOP, name) == "[]"


def test_what_is_found_during_the_log_check_is_no_evidence(registry, champion, begun, recipe):
    row = registry.challenges.set_model(begun, registry.publish(manifest_of(recipe, 2), b"not read here"))
    for state in (State.LOG_CHECK, State.SHADOW):
        row = moved(registry.challenges, row, step_to(state), champion=champion, model=row.model, evidence="{}")

    assert registry.challenges.carried(LOOP, f"challenge:{row.id}") is None


def waiting(registry, champion, recipe):
    """A proven challenge that waits for a person."""
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    row = registry.challenges.set_model(row, model)
    for step in (
        step_to(State.LOG_CHECK),
        step_to(State.SHADOW),
        step_to(State.CANARY),
        step_to(State.CANARY, is_waiting=True),
    ):
        row = moved(registry.challenges, row, step, champion=champion, model=model)
    return row


def test_while_promotions_are_frozen_nobody_can_approve(registry, champion, recipe):
    waiting(registry, champion, recipe)
    registry.freeze(LOOP, why="sales start")

    with pytest.raises(PromotionRefused, match="promotions of loop 'front-page' are frozen; find out why, then unfreeze them"):
        registry.challenges.approve(LOOP, why="looks right")
    assert registry.challenges.open(LOOP).state == State.CANARY


def test_after_an_alarm_what_a_person_agreed_to_counts_no_more(registry, champion, recipe):
    waiting(registry, champion, recipe)
    row = registry.challenges.approve(LOOP, why="looks right")
    assert row.is_approved

    alarm = step_to(State.LOG_CHECK, Call.REFUSE, name="log-propensities")
    row = moved(registry.challenges, row, alarm, champion=champion, model=row.model)

    assert (row.state, row.is_approved) == (State.LOG_CHECK, False)


def test_a_challenge_is_live_on_the_word_of_a_person_who_promotes_its_model(registry, champion, recipe):
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    model = registry.publish(manifest_of(recipe, 2), b"not read here")
    row = registry.challenges.set_model(row, model)
    for state in (State.LOG_CHECK, State.SHADOW):
        row = moved(registry.challenges, row, step_to(state), champion=champion, model=model)
    assert registry.standing(LOOP).trial is not None

    registry.promote_by_person(LOOP, model, why="seen in a simulation")

    after = registry.standing(LOOP)
    assert (after.trial, registry.challenges.open(LOOP)) == (None, None)  # servers read it and ask it no more
    assert (after.row.champion, after.row.anchor, after.row.previous) == (model, model, champion)
    assert after.spec.learner.name == "boosted"
    (ended,) = registry.challenges.all(LOOP)
    assert (ended.state, ended.is_waiting, ended.ended_at is None) == (State.LIVE, False, False)
    newest = registry.challenges.moves(LOOP)[0]
    assert (newest.before, newest.after) == (State.SHADOW, State.LIVE)
    assert newest.verdict.sentence == "promoted by a person: seen in a simulation"


def test_a_model_of_the_loops_own_recipe_that_a_person_promotes_leaves_the_anchor_where_it_was(registry, champion, spec):
    row = registry.challenges.begin(LOOP, spec, why="a model", is_model_there=True)
    model = registry.publish(manifest_of(spec, 2), b"not read here")
    registry.challenges.set_model(row, model)

    registry.promote_by_person(LOOP, model, why="it looks right")

    after = registry.standing(LOOP).row
    assert (after.champion, after.anchor, after.spec_version) == (model, champion, 1)
    assert registry.challenges.all(LOOP)[0].state == State.LIVE


def test_a_challenge_goes_on_when_a_person_promotes_another_model(registry, champion, recipe, spec):
    row = registry.challenges.begin(LOOP, recipe, why="a try")
    registry.challenges.set_model(row, registry.publish(manifest_of(recipe, 2), b"not read here"))
    other = registry.publish(manifest_of(spec, 3), b"not read here")

    registry.promote_by_person(LOOP, other, why="it looks right")

    assert registry.challenges.open(LOOP).state == State.FROZEN


def test_what_is_refused_to_a_person_leaves_the_challenge_as_it_was(registry, champion, recipe):
    row, model = at_ramp(registry, champion, recipe)
    registry.freeze(LOOP, why="the plant is down")

    with pytest.raises(PromotionRefused, match="are frozen"):
        registry.promote_by_person(LOOP, model, why="it looks right")

    assert (registry.challenges.open(LOOP), registry.standing(LOOP).row.spec_version) == (row, 1)


def test_a_model_of_a_recipe_that_the_loop_never_had_is_not_promoted_by_hand_after_its_challenge(registry, champion, recipe):
    _, model = at_ramp(registry, champion, recipe)
    registry.challenges.retire(LOOP, why="enough")

    with pytest.raises(PromotionRefused, match="was made for another recipe, which loop 'front-page' never had"):
        registry.promote_by_person(LOOP, model, why="it looks right")
