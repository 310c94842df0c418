"""Status of loops with episodes: how many are over, and what the gate waits for, in words that can be followed."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from episode_world import World
from policyloop.care.doctor.diagnose import diagnose
from policyloop.care.status import status_of
from policyloop.cli.commands.status import screen_of
from policyloop.registry import notice_rows
from policyloop.run.episodes import challenging
from policyloop.run.looks import look


@pytest.fixture
def world(deployment):
    made = World(deployment, "corridor")
    yield made
    made.log.close()


def text_of(deployment, **how) -> str:
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(screen_of(deployment, "corridor", **how))
    return " ".join(console.export_text().split())


def test_episodes_are_told_and_no_outcomes_that_nobody_reported(world, deployment):
    assert "join no episode yet" in text_of(deployment)

    world.play(3)

    text = text_of(deployment)
    assert "join 3 episodes are over (3 truncated); 0 waiting; 60 transitions" in text
    assert "found an outcome" not in text
    assert "example" not in text
    told = diagnose(deployment, "corridor")
    assert (told.n_decisions, told.n_examples, told.learns_from) == (60, 60, "transition")
    assert replace(told, causes=(), needs=None).sentence == "Loop 'corridor' is healthy: 60 decisions, 60 transitions."


def test_a_challenge_that_waits_for_a_person_says_so_with_the_words_to_say(world, deployment):
    assert status_of(deployment, "corridor").challenge is None

    challenging.begin(deployment, "corridor", world.model, why="it looks good on paper")

    text = text_of(deployment)
    assert f"challenge 1, model {world.model[:12]}: FROZEN since" in text
    assert "Begun by a person: it looks good on paper" in text
    assert "`policyloop gate status corridor` says what it waits for." in text
    while not status_of(deployment, "corridor").challenge.is_waiting:
        world.play(20)
        look(deployment, "corridor")
    text = text_of(deployment)
    assert "It waits for you: `policyloop gate approve corridor` or `policyloop gate retire corridor`." in text
    assert "last verdict none yet on what is live; the challenge has its own" in text


def test_what_is_done_instead_of_numbers_gets_an_advice_that_can_be_followed(world, deployment):
    world.play(60, instead=lambda answer: {"move": 0.1})

    alarm = status_of(deployment, "corridor").alarms[-1]
    cause = next(cause for cause in diagnose(deployment, "corridor").causes if cause.name == "executed-otherwise")

    assert alarm == (
        "in 1,200 of 1,200 steps of the last day something else than the answer was carried out: these are learned from as "
        "they were done, and are no evidence. If a safety system overrules the answers, put what it allows into `limits`; if a "
        "person acts on advice, this is as it should be."
    )
    assert cause.advice == alarm.split("no evidence. ")[1]


def test_states_that_another_player_reaches_are_no_drift(world, deployment):
    world.play(40, start=lambda rng: {"place": 0.1})
    deployment.registry.promote_by_person("corridor", world.model, why="a test", is_unseen_fine=True)
    world.play(40, start=lambda rng: {"place": 0.1})

    assert "features-drifting" not in [cause.name for cause in diagnose(deployment, "corridor").causes]


def test_notices_that_go_nowhere_are_not_spoken_of(world, deployment):
    with deployment.records.write() as connection:
        notice_rows.add(connection, "corridor", "test", {}, now_us=deployment.clock.now_us())

    assert "1 notice to be sent to notify.url" in text_of(deployment)
    assert "notify.url" not in text_of(deployment, is_sent=False)
