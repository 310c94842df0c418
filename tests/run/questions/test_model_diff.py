"""What another model would do with logged decisions, on a real deployment."""

import shutil

import pytest

from empty_records import with_records
from policyloop.core.clock import SystemClock
from policyloop.core.errors import Invalid, NothingToDo, UnknownModel
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.questions.model_diff import diff
from policyloop.run.refresh import refresh
from shop import SHOP, Shop


def improve(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")


@pytest.fixture(scope="module")
def lived_through(tmp_path_factory):
    """A data folder with a first model that learned what people like, and a second one from the opposite; to be copied."""
    home = Home(with_records(tmp_path_factory.mktemp("lived") / "home"))
    with open_deployment(home, SystemClock()) as deployment:
        deployment.registry.apply(read_spec(SHOP))
        shop = Shop(deployment)
        shop.visit(120)
        improve(deployment)
        shop.visit(700, clicks=lambda device, action: {"phone": "bold", "desktop": "calm"}[device] == action)
        improve(deployment)
        shop.log.close()
    return home.path


@pytest.fixture
def deployment(lived_through, tmp_path):
    shutil.copytree(lived_through, tmp_path / "home")
    with open_deployment(Home(tmp_path / "home"), SystemClock()) as opened:
        yield opened


@pytest.fixture
def two_models(deployment):
    first, second = deployment.registry.models("shop")
    return first.model, second.model


def test_a_model_of_the_opposite_taste_changes_every_decision(two_models, deployment):
    first, second = two_models

    made = diff(deployment, first, second, loop=None, since=0)

    assert made.found.n == made.questions.n_logged == 820
    assert made.found.n_changed == 820
    assert {(one, other) for one, other, _ in made.found.moves} == {("calm", "bold"), ("bold", "calm")}
    assert len(made.found.largest) == 20
    change = made.found.largest[0]
    device = made.questions.contexts[change.row]["device"]
    assert made.questions.name_of(change.row, change.before) == {"phone": "calm", "desktop": "bold"}[device]


def test_a_model_beside_itself_changes_nothing(two_models, deployment):
    made = diff(deployment, two_models[1][:6], two_models[1], loop="shop", since=0)

    assert (made.found.n_changed, made.found.mean_moved, made.found.largest) == (0, 0.0, ())


def test_champion_anchor_and_baseline_are_names_too(two_models, deployment):
    champion = deployment.registry.standing("shop").champion

    named = diff(deployment, "baseline", "champion", loop=None, since=0)

    assert (named.before, named.after) == ("baseline", champion)
    # The baseline is uniform: with epsilon .05 and floor .2 the best of two actions has .8 (.975) + .1 = .88.
    assert named.found.mean_moved == pytest.approx(0.38)
    assert named.found.n_changed == 0
    assert diff(deployment, "anchor", "anchor", loop=None, since=0).before == two_models[0]


def test_while_the_baseline_decides_it_is_the_champion(deployment):
    deployment.registry.reset_by_person("shop", why="to see the baseline")

    assert diff(deployment, "champion", "baseline", loop="shop", since=0).found.mean_moved == 0.0


def test_of_many_decisions_some_are_taken_evenly(two_models, deployment, monkeypatch):
    monkeypatch.setattr("policyloop.run.questions.model_diff.AT_MOST", 10)

    made = diff(deployment, *two_models, loop=None, since=0)

    assert (made.found.n, made.questions.n_logged) == (10, 820)


def test_decisions_from_before_are_left_out(two_models, deployment):
    with pytest.raises(NothingToDo, match="the tables have no decision of loop 'shop' in that time"):
        diff(deployment, *two_models, loop=None, since=deployment.clock.now_us())


def test_an_action_that_was_not_offered_then_is_not_offered_now(two_models, deployment):
    deployment.registry.apply(read_spec({**SHOP, "actions": {"kind": "discrete", "labels": ["calm", "bold", "loud"]}}))

    made = diff(deployment, *two_models, loop=None, since=0)

    assert made.questions.labels == ("calm", "bold", "loud")
    assert made.questions.allowed.tolist()[0] == [True, True, False]
    assert made.found.n_changed == 820


def test_where_the_models_do_not_say_which_loop_it_is_asked_for(two_models, deployment):
    deployment.registry.apply(read_spec({**SHOP, "loop": "other-shop"}))

    assert diff(deployment, *two_models, loop=None, since=0).loop == "shop"
    with pytest.raises(Invalid, match="--loop: is missing; expected one of other-shop, shop"):
        diff(deployment, "baseline", "champion", loop=None, since=0)


def test_a_model_that_is_not_there_is_told_as_everywhere(two_models, deployment):
    with pytest.raises(UnknownModel, match="loop 'shop' has no model 'feedbeef'"):
        diff(deployment, "feedbeef", "champion", loop=None, since=0)
