"""A model that was chosen offline challenges: it is asked, a person agrees, it plays whole episodes, and is proven or not."""

import pytest
from msgspec import UNSET, structs

from episode_world import GATE, World, in_canary, move_in_corridor
from made_loops import CORRIDOR, LADDER
from policyloop.core.errors import BadSetting, ChallengeRefused, PromotionRefused
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.run.challenges import challenging
from policyloop.run.challenges.gate_state import explained, gate_state
from policyloop.run.episodes import challenging as episode_challenging
from policyloop.run.episodes.challenging import carried_account
from policyloop.run.log_check import begin_again
from policyloop.run.looks import look
from shop import swap_onto


@pytest.fixture(params=["corridor", "ladder"])
def world(deployment, request):
    made = World(deployment, request.param)
    yield made
    made.log.close()


@pytest.fixture
def in_corridor(deployment):
    made = World(deployment, "corridor")
    yield made
    made.log.close()


def test_a_better_model_is_asked_then_agreed_to_then_proven_and_goes_live(world, deployment):
    episode_challenging.begin(deployment, world.name, world.model[:12], why="it looks good on paper")
    states = [world.state()]
    for _ in range(30):
        world.play(20)
        done = look(deployment, world.name)
        assert not any(looked.is_harm for looked in done), done
        if deployment.registry.challenges.all(world.name)[0].is_waiting:
            deployment.registry.challenges.approve(world.name, why="tried on the bench")
        states += [world.state()] if world.state() != states[-1] else []
        if states[-1] == State.LIVE:
            break

    assert states == [State.FROZEN, State.SHADOW, State.CANARY, State.RAMP, State.LIVE]
    standing = deployment.registry.standing(world.name)
    assert standing.champion == standing.row.anchor == world.model
    assert standing.row.spec_version == 1
    proof = next(move.verdict for move in deployment.registry.challenges.moves(world.name) if move.after == State.RAMP)
    assert proof.call == Call.PROMOTE
    assert "Proven better after" in proof.sentence
    assert "closed episodes" in proof.sentence


def test_no_episode_is_its_own_before_a_person_agrees(in_corridor, deployment):
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")
    for _ in range(4):
        in_corridor.play(10)
        look(deployment, "corridor")

    state = gate_state(deployment, "corridor")
    assert state.challenge is not None
    assert (state.challenge.state, state.challenge.is_waiting, state.challenge.share) == ("SHADOW", True, 0.0)
    assert state.challenge.unit == "episodes"
    assert "was asked beside the champion in" in state.challenge.reasons[0].sentence
    decided = deployment.lake.rows("decisions", where="loop = 'corridor'", columns=("policy",))
    assert set(decided["policy"].to_pylist()) == {"baseline"}


def test_an_episode_stays_on_one_side_from_its_first_step_to_its_last(world, deployment):
    in_canary(world)
    before = world.n
    world.play(40)

    rows = deployment.lake.rows("decisions", where=f"loop = '{world.name}'", columns=("episode_id", "side")).to_pylist()
    sides = {}
    for row in rows:
        if int(row["episode_id"][1:]) > before:
            sides.setdefault(row["episode_id"], set()).add(row["side"])
    assert len(sides) == 40
    assert all(len(own) == 1 for own in sides.values())
    assert set().union(*sides.values()) == {"champion", "challenger"}


def test_the_tables_alone_tell_the_evidence_again(world, deployment):
    in_canary(world)
    for _ in range(2):
        world.play(15)
        look(deployment, world.name)

    told = explained(deployment, world.name)

    assert told is not None
    assert told.is_same is True
    assert (told.unit, told.n > 10) == ("closed episode", True)
    assert told.difference is not None
    assert told.difference > 0


def test_a_model_that_the_gate_has_dealt_with_cannot_challenge(in_corridor, deployment):
    deployment.registry.promote_by_person("corridor", in_corridor.model, why="a simulation", is_unseen_fine=True)

    with pytest.raises(ChallengeRefused, match="is live; expected one that the gate has not dealt with"):
        episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")


def test_a_model_that_has_only_begun_is_tried_out_and_a_person_who_promotes_it_ends_its_challenge(in_corridor, deployment):
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")
    (begun, comes) = gate_state(deployment, "corridor").challenge.reasons
    assert begun.sentence == "Begun by a person: a try"
    assert comes.sentence.startswith(f"Model {in_corridor.model[:12]} is being tried out; once it answers as it should, ")
    assert "takes it on to SHADOW: it is asked beside what decides" in comes.sentence
    look(deployment, "corridor")

    deployment.registry.promote_by_person("corridor", in_corridor.model, why="a simulation", is_unseen_fine=True)

    standing, challenge = deployment.registry.standing("corridor"), gate_state(deployment, "corridor").challenge
    assert (standing.row.champion, standing.trial, challenge.state) == (in_corridor.model, None, "LIVE")
    assert [reason.sentence for reason in challenge.reasons] == ["promoted by a person: a simulation"]


def test_a_model_of_an_earlier_recipe_may_challenge_again_where_its_recipe_is_applied_again(in_corridor, deployment):
    deployment.registry.apply(read_spec((CORRIDOR + GATE).replace("n_trees: 10", "n_trees: 11")))
    with pytest.raises(ChallengeRefused, match="or apply a loop file with its recipe again"):
        episode_challenging.find_challenger(deployment, "corridor", in_corridor.model)

    deployment.registry.apply(read_spec(CORRIDOR + GATE))

    found, _ = episode_challenging.find_challenger(deployment, "corridor", in_corridor.model[:12])
    assert found.model == in_corridor.model


def test_one_challenge_at_a_time(in_corridor, deployment):
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")

    with pytest.raises(ChallengeRefused, match="one at a time"):
        episode_challenging.begin(deployment, "corridor", in_corridor.model, why="another")


def test_recipes_do_not_challenge_in_episodes_and_models_do_not_elsewhere(in_corridor, deployment, shop):
    with pytest.raises(ChallengeRefused, match="has episodes, in which models challenge and not recipes"):
        challenging.begin(deployment, "corridor", "learner: {name: fqi}\n", why="a try")
    with pytest.raises(ChallengeRefused, match="loop 'shop' has no episodes"):
        episode_challenging.begin(deployment, "shop", "abcd", why="a try")


def test_episodes_without_a_last_step_cannot_be_bet_on(in_corridor, deployment):
    deployment.registry.apply(read_spec((CORRIDOR + GATE).replace(", max_steps: 20", "")))

    with pytest.raises(BadSetting, match="nothing bounds the return of an episode"):
        episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")


def test_a_frozen_loop_agrees_to_nothing(in_corridor, deployment):
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")
    for _ in range(3):
        in_corridor.play(10)
        look(deployment, "corridor")
    deployment.registry.freeze("corridor", why="the plant is down")

    with pytest.raises(PromotionRefused, match="are frozen"):
        deployment.registry.challenges.approve("corridor", why="agreed")


def advising(world):
    """A challenge whose advice a person wants to see."""
    episode_challenging.begin(world.deployment, world.name, world.model, why="a try")
    look(world.deployment, world.name)
    world.deployment.registry.challenges.advise(world.name, why="the operator wants to see it")


def advised_by(answer):
    return answer.advice.action if answer.advice.values is UNSET else answer.advice.values


def test_advice_is_followed_or_not_and_a_person_who_has_seen_it_agrees(world, deployment):
    advising(world)
    world.play(7, instead=advised_by)
    world.play(5)  # of these nobody says anything: the baseline acts
    look(deployment, world.name)

    challenge = gate_state(deployment, world.name).challenge
    assert (challenge.state, challenge.is_waiting, challenge.share, challenge.n_served) == ("ADVISORY", True, 0.0, 12)
    (told,) = (reason for reason in challenge.reasons if reason.name == "advice")
    assert (told.numbers["n"], told.numbers["n_episodes"]) == (12 * world.n_steps, 12)
    assert 7 <= told.numbers["n_followed"] < 12
    (waits,) = (m for m in deployment.registry.challenges.moves(world.name) if m.before == m.after)
    assert any(reason.name == "advice" for reason in waits.verdict.reasons)
    decided = deployment.lake.rows("decisions", where=f"loop = '{world.name}'", columns=("policy",))
    assert set(decided["policy"].to_pylist()) == {"baseline"}

    deployment.registry.challenges.approve(world.name, why="the operator likes it")
    world.play(15)
    look(deployment, world.name)

    assert world.state() == State.CANARY
    told = explained(deployment, world.name)
    assert told is not None
    assert told.is_same is True


def test_advice_that_is_not_given_retires_the_challenge(in_corridor, deployment):
    advising(in_corridor)

    in_corridor.play(11, start=lambda rng: {"place": 0.0})
    look(deployment, "corridor")
    assert in_corridor.state() == State.ADVISORY  # it learned there, too

    deployment.registry.apply(read_spec((CORRIDOR + GATE).replace("max: 1}", "max: 90}")))
    in_corridor.after = lambda place, answer: place
    in_corridor.play(11, start=lambda rng: {"place": 60.0})
    look(deployment, "corridor")

    assert in_corridor.state() == State.RETIRED
    (end, *_) = deployment.registry.challenges.moves("corridor")
    assert end.verdict.sentence == "It gave no answer in 11 of 22 episodes; at most 5 % is allowed."


def test_advice_is_asked_for_once_and_of_a_challenger_in_the_shadow(in_corridor, deployment):
    with pytest.raises(ChallengeRefused, match="no challenge goes on in loop 'corridor'"):
        deployment.registry.challenges.advise("corridor", why="a try")
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")
    with pytest.raises(ChallengeRefused, match="is in state FROZEN; expected SHADOW"):
        deployment.registry.challenges.advise("corridor", why="a try")
    look(deployment, "corridor")
    deployment.registry.freeze("corridor", why="the plant is down")
    with pytest.raises(PromotionRefused, match="are frozen"):
        deployment.registry.challenges.advise("corridor", why="a try")


def test_right_after_a_move_nothing_of_the_new_state_is_counted(in_corridor, deployment):
    episode_challenging.begin(deployment, "corridor", in_corridor.model, why="a try")
    look(deployment, "corridor")
    in_corridor.play(12)
    look(deployment, "corridor")
    assert gate_state(deployment, "corridor").challenge.n_served == 12

    deployment.registry.challenges.approve("corridor", why="agreed")

    assert gate_state(deployment, "corridor").challenge.n_served == 0


def test_records_that_contradict_themselves_freeze_promotions_and_send_the_challenge_back(in_corridor, deployment):
    in_canary(in_corridor)
    in_corridor.play(5)
    append, (bad, *_) = in_corridor.log.append, [0]

    def untrue(event):
        nonlocal bad
        if hasattr(event, "propensity") and not bad:
            bad, event = 1, structs.replace(event, propensity=0.25)
        return append(event)

    in_corridor.log.append = untrue
    in_corridor.swap = swap_onto(in_corridor.log, deployment)
    in_corridor.play(5)

    (looked,) = look(deployment, "corridor")

    assert "CANARY -> LOG-CHECK" in looked.sentence
    assert "propensity is 0.25; expected 1, which its own record gives the action" in looked.sentence
    assert looked.is_harm
    state = gate_state(deployment, "corridor")
    assert (state.is_frozen, [alarm.name for alarm in state.alarms]) == (True, ["log-contract"])

    begin_again(deployment, "corridor")
    deployment.registry.unfreeze("corridor", why="mended")
    in_corridor.play(26)
    look(deployment, "corridor")
    look(deployment, "corridor")
    assert in_corridor.state() == State.SHADOW
    in_corridor.play(11)
    look(deployment, "corridor")
    assert gate_state(deployment, "corridor").challenge.n_served == 11  # what came before counts no more


def test_an_episode_counts_for_its_side_also_when_the_challenger_could_not_be_asked_at_its_end(deployment):
    world = World(deployment, "ladder")
    in_canary(world)
    look(deployment, "ladder")
    before = explained(deployment, "ladder")
    deployment.registry.apply(read_spec((LADDER + GATE).replace("max: 4}", "max: 90}")))
    steps = iter(range(10_000))
    world.after = lambda rung, answer: {"rung": 60.0 if next(steps) % world.n_steps >= world.n_steps - 2 else 2.0}
    world.play(15)
    look(deployment, "ladder")
    world.log.close()

    told = explained(deployment, "ladder")
    assert told is not None
    assert told.n - (0 if before is None else before.n) == 15
    assert told.is_same is True


HEATED = "{heat: {type: number, min: 0, max: 9}}"  # an episode counts when the windows of its steps are over
SHORT = ("range: [0, 1]}", "range: [0, 1], window: 0.3s}")
GUARDED = "gate: {canary: 0.5, guards: {heat: {margin: 1, better: lower, range: [0, 9]}}}\n"


@pytest.mark.parametrize(("more", "ends_as"), [(0.0, State.LIVE), (5.0, State.RETIRED)])
def test_a_model_that_returns_more_goes_live_only_where_a_guarded_outcome_gets_no_worse(deployment, more, ends_as):
    """Heat is 1 at every step of the baseline, and so much more at every step of the model."""
    world = World(deployment, "corridor", gate=GUARDED, changes=(("outcomes: {}", f"outcomes: {HEATED}"), SHORT))

    def heat_of(answer, step):
        return {"heat": 1.0 + more * (answer.policy == world.model)}

    world.play(10, told=heat_of)  # what is usual is known from before
    episode_challenging.begin(deployment, "corridor", world.model, why="a try")
    for _ in range(30):
        world.play(20, told=heat_of)
        look(deployment, "corridor")
        if deployment.registry.challenges.all("corridor")[0].is_waiting:
            deployment.registry.challenges.approve("corridor", why="tried on the bench")
        if world.state() == ends_as:
            break
    world.log.close()

    assert world.state() == ends_as
    moves = deployment.registry.challenges.moves("corridor")
    said = [r.sentence for move in moves if move.verdict for r in move.verdict.reasons if r.name == "guard-heat"]
    assert said[-1].startswith("Guard heat: it is +0 beside the champion in " if not more else "Guard heat: it is +")
    assert said[-1].endswith(" closed episodes, within the margin of 1." if not more else "; the margin of 1 is not kept.")


def test_the_tables_alone_tell_what_guards_have_seen(deployment):
    world = World(deployment, "corridor", gate=GUARDED, changes=(("outcomes: {}", f"outcomes: {HEATED}"), SHORT))
    in_canary(world)
    for _ in range(3):
        world.play(15, told=lambda answer, step: {"heat": 1.0 + step % 3})
        look(deployment, "corridor")
    world.log.close()

    told = explained(deployment, "corridor")

    assert told is not None
    assert told.is_same is True
    assert any(reason.name == "guard-heat" for reason in told.reasons)


TRACKS = (
    "context: {place: {type: number, min: 0, max: 1}}",
    "context: {place: {type: number, min: 0, max: 1}, track: {type: category, values: [dry, wet], learn: false}}",
)
SLICED = "gate: {canary: 0.5, slices: [track]}\n"


def test_a_slice_takes_episodes_by_their_first_steps_and_the_tables_alone_tell_it_again(deployment):
    """A wet track dries at the first step, and there the model slides down to the end of the line."""
    world = World(deployment, "corridor", gate=SLICED, changes=(TRACKS,))
    n = iter(range(10_000))

    def after(context, answer):
        place = move_in_corridor(context, answer)["place"]
        slides = context["track"] == "wet" and answer.policy == world.model
        return {"place": 0.0 if slides else place, "track": "dry"}

    world.after = after
    world.start = lambda rng: {"place": float(rng.random()), "track": "dry" if next(n) % 4 else "wet"}
    in_canary(world)
    for _ in range(2):
        world.play(20)
        look(deployment, "corridor")
    world.log.close()

    told = explained(deployment, "corridor")
    assert told is not None
    assert told.is_same is True
    (reason,) = (reason for reason in told.reasons if reason.name == "slice")
    assert reason.sentence.endswith(("where track=wet (10 closed episodes).", "where track=dry (30 closed episodes)."))
    row = deployment.registry.challenges.open("corridor")
    assert {name: one.n for name, one in carried_account(deployment, row).slices.items()} == {"track=wet": 10, "track=dry": 30}
