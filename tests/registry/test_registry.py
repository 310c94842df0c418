"""The registry: specs, models, champions and verdicts, as those who compose the loop use them."""

from dataclasses import replace

import pytest

from policyloop.core.errors import (
    BadModel,
    Invalid,
    NothingToDo,
    PromotionRefused,
    SpecRefused,
    UnknownLoop,
    UnknownModel,
)
from policyloop.gate.verdict import Call

LOOP = "front-page"


def pointers(registry):
    row = registry.standing(LOOP).row
    return row.champion, row.previous, row.anchor


def states(registry):
    return {row.model: row.state for row in registry.models(LOOP)}


def test_a_new_loop_is_served_by_the_baseline_under_version_one_of_its_spec(registry, spec):
    got = registry.apply(spec)

    standing = registry.standing(LOOP)
    assert (got.version, got.is_new_loop, got.is_changed) == (1, True, True)
    assert (standing.spec, standing.champion, standing.is_paused) == (spec, None, False)


def test_applying_what_holds_already_changes_nothing(loop, spec):
    before = loop.version()

    got = loop.apply(spec)

    assert (got.version, got.is_changed, got.changes) == (1, False, ())
    assert loop.version() == before


def test_a_changed_spec_is_a_new_version_and_the_old_one_stays(loop, spec, spec_with):
    changed = spec_with(baseline="bold")

    got = loop.apply(changed)

    assert (got.version, [change.where for change in got.changes]) == (2, ["$.baseline"])
    assert [row.digest for row in loop.spec_history(LOOP)] == [spec.digest, changed.digest]
    assert loop.standing(LOOP).spec == changed
    assert loop.spec_named(LOOP, spec.digest) == spec
    assert loop.spec_named(LOOP, "0" * 32) is None


def test_going_back_to_an_older_spec_is_a_new_version_with_the_old_digest(loop, spec, spec_with):
    loop.apply(spec_with(baseline="bold"))

    got = loop.apply(spec)

    assert got.version == 3
    assert loop.standing(LOOP).spec.digest == spec.digest


def test_the_plan_says_what_apply_would_change_and_changes_nothing(loop, spec_with):
    before = loop.version()

    got = loop.plan(spec_with(explore={"name": "greedy"}))

    assert [change.where for change in got] == ["$.explore.name"]
    assert loop.version() == before
    assert loop.plan(spec_with(loop="another")) == []


def test_while_no_model_is_live_any_change_is_fine(loop, spec_with):
    got = loop.apply(spec_with(explore={"name": "greedy"}))

    assert got.version == 2


def test_while_a_model_is_live_another_recipe_is_refused_and_nothing_changes(loop, go_live, spec, spec_with):
    go_live(1)

    with pytest.raises(SpecRefused, match="is another recipe, which has to win a challenge"):
        loop.apply(spec_with(explore={"name": "greedy"}))

    assert loop.standing(LOOP).spec == spec
    assert len(loop.spec_history(LOOP)) == 1


def test_an_alias_leads_to_its_loop(loop, spec_with):
    loop.apply(spec_with(aliases=["Front_Page"]))

    assert loop.standing("Front_Page").spec.loop == LOOP


def test_an_alias_that_is_taken_is_refused(loop, spec_with):
    loop.apply(spec_with(aliases=["shared"]))

    with pytest.raises(Invalid, match=r"'shared' already leads to loop 'front-page'; choose another name"):
        loop.apply(spec_with(loop="other", aliases=["shared"]))


def test_an_unknown_loop_is_an_error_with_the_nearest_name(loop):
    with pytest.raises(UnknownLoop, match="no loop is named 'front-pag'; did you mean 'front-page'"):
        loop.standing("front-pag")


def test_a_published_model_is_a_candidate_and_comes_back_bit_by_bit(loop, publish, manifest, spec):
    model = publish(1)

    got = loop.load(LOOP, model)

    assert states(loop) == {model: "challenger"}
    assert (got.manifest, got.tensors) == (manifest(spec, 1), b"not read here")


def test_publishing_again_changes_nothing_not_even_what_has_become_of_the_model(loop, publish, verdict):
    model = publish(1)
    loop.record(LOOP, verdict(model, None, call=Call.REFUSE))

    assert publish(1) == model
    assert states(loop) == {model: "refused"}


def test_a_model_of_a_spec_that_the_loop_never_had_is_refused(loop, manifest, spec_with):
    with pytest.raises(BadModel, match="which loop 'front-page' never had; apply that spec first"):
        loop.publish(manifest(spec_with(baseline="bold"), 1), b"not read here")


@pytest.mark.parametrize(("call", "state"), [(Call.RETIRE, "retired"), (Call.REFUSE, "refused")])
def test_a_rejected_model_never_parents_the_next(loop, publish, verdict, call, state):
    rejected = publish(1)
    loop.record(LOOP, verdict(rejected, None, call=call))

    with pytest.raises(BadModel, match=f"parent {rejected} is {state}; expected a model that is or was champion"):
        publish(2, parent=rejected)


def test_a_champion_parents_the_next(loop, go_live, publish):
    first = go_live(1)

    second = publish(2, parent=first)

    assert loop.find(LOOP, second).parent == first


def test_the_first_promoted_model_is_champion_and_anchor(loop, go_live):
    first = go_live(1)

    assert pointers(loop) == (first, None, first)
    assert states(loop) == {first: "live"}


def test_a_promotion_makes_the_champion_previous_and_leaves_the_anchor(loop, go_live):
    first, second = go_live(1), go_live(2)

    assert pointers(loop) == (second, first, first)
    assert states(loop) == {first: "replaced", second: "live"}


def test_a_promotion_records_its_verdict_and_raises_the_version(loop, publish, verdict):
    model, before = publish(1), loop.version()
    said = verdict(model, None)

    row = loop.promote(LOOP, said)

    (found,) = loop.verdicts(LOOP)
    assert found.verdict == said
    assert (row.champion, row.version) == (model, 2)
    assert loop.version() == before + 1


def test_a_verdict_about_another_champion_has_lost_its_ground(loop, go_live, publish, verdict):
    late = publish(9)
    said = verdict(late, None)
    first = go_live(1)

    with pytest.raises(PromotionRefused, match=f"compares model {late} with the baseline, but .* by model {first} by now"):
        loop.promote(LOOP, said)

    assert pointers(loop) == (first, None, first)


def test_what_is_live_is_not_promoted_again(loop, go_live, verdict):
    first = go_live(1)

    with pytest.raises(PromotionRefused, match="is live already"):
        loop.promote(LOOP, verdict(first, first))


def test_nothing_is_promoted_while_promotions_are_frozen(loop, publish, verdict):
    model = publish(1)
    loop.freeze(LOOP, why="the log is not trusted")

    with pytest.raises(PromotionRefused, match="promotions of loop 'front-page' are frozen"):
        loop.promote(LOOP, verdict(model, None))

    loop.unfreeze(LOOP)
    assert loop.promote(LOOP, verdict(model, None)).champion == model


def test_a_model_of_an_older_compatible_spec_may_go_live(loop, publish, verdict, spec_with):
    model = publish(1)
    loop.apply(spec_with(baseline="bold"))

    assert loop.promote(LOOP, verdict(model, None)).champion == model


def test_a_model_of_another_recipe_may_not(loop, publish, verdict, spec_with):
    model = publish(1)
    loop.apply(spec_with(explore={"name": "greedy"}))

    with pytest.raises(PromotionRefused, match=r"was made for version 1 .*\$\.explore\.name: squarecb -> greedy"):
        loop.promote(LOOP, verdict(model, None))


def test_a_model_that_is_not_there_cannot_go_live(loop, verdict):
    with pytest.raises(UnknownModel, match="loop 'front-page' has no model 'nothing'"):
        loop.promote(LOOP, verdict("nothing", None))


def test_a_rollback_brings_the_previous_model_back_and_says_why(loop, go_live, verdict):
    first, second = go_live(1), go_live(2)
    said = verdict(second, first, call=Call.ROLLBACK, kind="watch")

    loop.roll_back(LOOP, said)

    assert pointers(loop) == (first, None, first)
    assert states(loop) == {first: "live", second: "rolled-back"}
    assert loop.verdicts(LOOP)[0].verdict == said


def test_rollbacks_go_down_step_by_step_to_the_baseline(loop, go_live):
    first, second, third = go_live(1), go_live(2), go_live(3)
    seen = []

    for _ in range(3):
        loop.roll_back_by_person(LOOP, why="it looks wrong")
        seen.append(pointers(loop))

    assert seen == [(second, first, first), (first, None, first), (None, None, None)]
    assert set(states(loop).values()) == {"rolled-back"}
    assert third in states(loop)
    with pytest.raises(NothingToDo, match="has no model to roll back: the baseline decides already"):
        loop.roll_back_by_person(LOOP, why="again")


def test_a_rollback_steps_over_models_that_were_rolled_back_themselves(loop, go_live, publish, verdict):
    first, second = go_live(1), go_live(2)
    loop.roll_back_by_person(LOOP, why="bad")  # second is out
    loop.promote_by_person(LOOP, second, why="it was fine after all")
    third = go_live(3)
    loop.roll_back_by_person(LOOP, why="bad")  # third is out

    assert pointers(loop) == (second, first, first)
    assert states(loop)[third] == "rolled-back"


def test_after_a_fall_to_the_baseline_the_next_first_model_is_the_anchor(loop, go_live):
    go_live(1)
    loop.roll_back_by_person(LOOP, why="bad")

    second = go_live(2)

    assert pointers(loop) == (second, None, second)


def test_a_person_may_let_go_of_all_models_at_once_and_none_comes_back_by_itself(loop, go_live, verdict):
    first, second = go_live(1), go_live(2)

    loop.reset_by_person(LOOP, why="start over")

    assert pointers(loop) == (None, None, None)
    assert states(loop) == {first: "replaced", second: "rolled-back"}
    newest = loop.verdicts(LOOP)[0].verdict
    assert (newest.model, newest.champion, newest.sentence) == (second, None, "rolled back by a person: start over")
    with pytest.raises(NothingToDo, match="the baseline decides already"):
        loop.reset_by_person(LOOP, why="again")
    with pytest.raises(PromotionRefused, match="never goes live again by itself"):
        loop.promote(LOOP, verdict(first, None))
    third = go_live(3)
    assert pointers(loop) == (third, None, third)


def test_a_rollback_verdict_about_another_champion_has_lost_its_ground(loop, go_live, verdict):
    first, second = go_live(1), go_live(2)
    said = verdict(second, first, call=Call.ROLLBACK, kind="watch")
    third = go_live(3)

    with pytest.raises(PromotionRefused, match="look again at how things stand"):
        loop.roll_back(LOOP, said)

    assert pointers(loop) == (third, second, first)


def test_a_model_that_was_rolled_back_never_goes_live_again_by_itself(loop, go_live, verdict):
    first, second = go_live(1), go_live(2)
    loop.roll_back_by_person(LOOP, why="bad")

    with pytest.raises(PromotionRefused, match="is rolled-back and never goes live again by itself; a person can promote it"):
        loop.promote(LOOP, verdict(second, first))


def test_a_person_may_promote_it_all_the_same_and_that_is_on_record(loop, go_live):
    first, second = go_live(1), go_live(2)
    loop.roll_back_by_person(LOOP, why="bad")

    loop.promote_by_person(LOOP, second, why="the alarm was false")

    assert pointers(loop) == (second, first, first)
    newest = loop.verdicts(LOOP)[0].verdict
    assert (newest.kind, newest.sentence) == ("promote", "promoted by a person: the alarm was false")


def test_an_inconclusive_verdict_is_kept_and_the_model_stays_a_candidate(loop, publish, verdict):
    model = publish(1)

    loop.record(LOOP, verdict(model, None, call=Call.INCONCLUSIVE))

    assert states(loop) == {model: "challenger"}
    assert loop.verdicts(LOOP, model=model)[0].verdict.call == Call.INCONCLUSIVE


def test_a_promotion_that_is_only_kept_is_no_promotion_in_the_history(loop, publish, verdict):
    model = publish(1)
    loop.freeze(LOOP, why="the log is not trusted")

    loop.record(LOOP, verdict(model, None))

    newest = loop.verdicts(LOOP)[0].verdict
    assert (newest.call, newest.sentence) == (Call.INCONCLUSIVE, "Promotions of loop 'front-page' are frozen.")
    assert states(loop) == {model: "challenger"}
    assert pointers(loop) == (None, None, None)


def test_verdicts_come_newest_first_and_can_be_limited(loop, go_live):
    first, second = go_live(1), go_live(2)

    assert [row.verdict.model for row in loop.verdicts(LOOP)] == [second, first]
    assert [row.verdict.model for row in loop.verdicts(LOOP, limit=1)] == [second]
    assert [row.verdict.model for row in loop.verdicts(LOOP, model=first)] == [first]


def test_pause_and_resume_are_seen_by_those_who_poll(loop):
    before = loop.version()

    loop.pause(LOOP)

    assert loop.standing(LOOP).is_paused
    assert loop.version() == before + 1
    loop.pause(LOOP)
    assert loop.version() == before + 1  # it was paused already
    loop.resume(LOOP)
    assert not loop.standing(LOOP).is_paused


def test_a_model_is_found_by_pointer_digest_and_the_start_of_it(loop, go_live):
    first, second = go_live(1), go_live(2)

    found = [loop.find(LOOP, name).model for name in ("champion", "previous", "anchor", second, first[:6])]

    assert found == [second, first, first, second, first]


@pytest.mark.parametrize("name", ["", "abc", "zzzzzzzz", "previous", "anchor"])
def test_a_name_that_leads_to_no_model_is_an_error(loop, publish, name):
    publish(1)

    with pytest.raises(UnknownModel):
        loop.find(LOOP, name)


def test_forgetting_a_loop_takes_all_that_belongs_to_it_and_leaves_the_others(loop, go_live, spec_with):
    go_live(1)
    other = spec_with(loop="other")
    loop.apply(other)
    before = loop.version()

    loop.forget(LOOP)

    assert list(loop.standings()) == ["other"]
    assert loop.spec_history(LOOP) == []
    assert loop.verdicts(LOOP) == []
    assert loop.version() > before
    with pytest.raises(UnknownLoop):
        loop.models(LOOP)


def test_two_loops_do_not_touch_one_another(loop, go_live, spec_with, manifest, verdict):
    first = go_live(1)
    other = spec_with(loop="other")
    loop.apply(other)
    second = loop.publish(manifest(other, 1), b"not read here")

    loop.promote("other", verdict(second, None))

    assert first != second
    assert pointers(loop) == (first, None, first)
    assert loop.standing("other").champion == second
    with pytest.raises(UnknownModel):
        loop.load("other", first)


def test_a_verdict_keeps_every_reason_and_number(loop, publish, verdict):
    model = publish(1)
    said = replace(verdict(model, None), n_evidence=12, evidence_until=34)

    loop.promote(LOOP, said)

    assert loop.verdicts(LOOP)[0].verdict == said
