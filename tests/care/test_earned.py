"""What a loop earned beside its baseline, and what exploring cost: known truths, and numbers worked out by hand."""

import math

import msgspec
import numpy as np
import pytest

from clinic import random_context
from market import MARKET, Market
from policyloop.care import earned
from policyloop.care.earned import earned_of
from policyloop.care.report import report_of
from policyloop.care.report_page import page_of
from policyloop.core.spec_file import read_spec
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import refresh
from shop import LIKED, SHOP


def lived(clinic, n=3000, seed=0, **changes):
    """A loop with a model, and what was decided since that was live: the clinic, and since when."""
    opened = clinic(seed, **changes)
    opened.visit(600)
    opened.refresh()
    since = opened.clock.now_us()
    opened.visit(n)
    opened.settle()
    return opened, since


def likely(opened, since):
    """(n, k) the true expected rewards, and the examples."""
    examples, _ = examples_of(opened.deployment.lake, opened.deployment.registry, opened.spec, since=since)
    truth = [
        [0.7 if LIKED[context["device"]] == label else 0.2 for label in opened.spec.labels] for context in examples.contexts
    ]
    return np.array(truth), examples


def within_four_errors(gain, truth):
    stderr = (gain.high - gain.value) / 1.96
    return abs(gain.value - truth) < 4 * stderr and stderr < 0.03


@pytest.mark.parametrize("baseline", ["uniform", "calm"])
def test_the_uplift_is_measured_against_the_hold_out(clinic, baseline):
    opened, since = lived(clinic, gate={"hold_out": 0.1}, baseline=baseline)

    got = earned_of(opened.deployment, opened.spec, since=since).uplift

    truth, examples = likely(opened, since)
    mixed = (truth * examples.pmf).sum(axis=1)  # .9 of the champion and .1 of the baseline
    champion = (truth * examples.trial.champion_pmf).sum(axis=1)
    assert got.is_measured
    assert (got.n, got.n_held_out) == (3000, int((examples.trial.side == "hold-out").sum()))
    assert got.n_decided == 3000 - got.n_held_out
    assert within_four_errors(got.gain, ((champion - mixed) / 0.1).mean())
    assert got.total.value == pytest.approx(got.gain.value * got.n_decided)
    assert f"measured in 3,000 decisions, of which the baseline made {got.n_held_out:,} for the hold-out." in got.sentence


def test_without_a_hold_out_it_is_estimated_and_says_so(clinic):
    opened, since = lived(clinic)

    got = earned_of(opened.deployment, opened.spec, since=since).uplift

    truth, examples = likely(opened, since)
    assert not got.is_measured
    assert (got.n, got.n_held_out, got.n_decided) == (3000, 0, 3000)
    assert within_four_errors(got.gain, ((truth * examples.pmf).sum(axis=1) - 0.45).mean())
    assert "estimated from 3,000 decisions, as there is no hold-out. `gate.hold_out: 0.05` would" in got.sentence


@pytest.mark.parametrize("changes", [{}, {"gate": {"hold_out": 0.1}}])
def test_the_price_of_exploring_is_what_the_best_actions_would_have_earned_more(clinic, changes):
    opened, since = lived(clinic, **changes)

    got = earned_of(opened.deployment, opened.spec, since=since).exploration

    truth, examples = likely(opened, since)
    champion = examples.pmf if examples.trial is None else examples.trial.champion_pmf
    assert got.n == 3000
    assert within_four_errors(got.gain, (truth.max(axis=1) - (truth * champion).sum(axis=1)).mean())
    assert got.sentence.startswith("Exploring gave up ")


def test_before_a_model_decides_there_is_nothing_to_tell(clinic):
    opened = clinic()
    opened.visit(50)
    opened.settle()

    got = earned_of(opened.deployment, opened.spec, since=0)

    assert (got.uplift.gain.value, got.uplift.n, got.uplift.total.low) == (None, 0, None)
    assert got.uplift.sentence == "No model decided in this time, so there is nothing to compare with the baseline."
    assert got.exploration.sentence.startswith("What exploring cost cannot be said")


def test_what_another_program_decided_is_not_what_the_loop_earned(clinic):
    opened, since = lived(clinic, n=300)
    opened.tamper = lambda event: msgspec.structs.replace(event, policy="imported:file")
    opened.visit(50)
    opened.settle()

    assert earned_of(opened.deployment, opened.spec, since=since).uplift.n == 300


def test_candidates_that_callers_bring_along_are_told_alike(deployment):
    deployment.registry.apply(read_spec({**MARKET, "gate": {"hold_out": 0.2}}))
    market = Market(deployment)
    market.visit(400)
    settle_and_refresh(deployment, "market")
    hits = market.visit(600)
    settle_and_refresh(deployment, "market")
    spec = deployment.registry.standing("market").spec

    got = earned_of(deployment, spec, since=0)

    market.log.close()
    assert (got.uplift.n, got.uplift.is_measured) == (600, True)
    of_models = (np.mean(hits) - 0.2 * 0.25) / 0.8  # the held out fifth hits one of four
    assert within_four_errors(got.uplift.gain, of_models - 0.25)
    assert got.exploration.gain.low > 0


def settle_and_refresh(deployment, loop):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing(loop).spec)
    refresh(deployment, loop)


def test_people_who_stay_on_one_side_count_as_one_each(clinic):
    people = {"context": {**SHOP["context"], "visitor": {"type": "category"}}, "subject": "visitor"}

    def one_of_forty(rng):
        return {**random_context(rng), "visitor": f"visitor {rng.randrange(40)}"}

    opened = clinic(3, **people, gate={"hold_out": 0.3, "sticky": True})
    opened.visit(400, context=one_of_forty)
    opened.refresh()
    since = opened.clock.now_us()
    opened.visit(1200, context=one_of_forty)
    opened.settle()

    got = earned_of(opened.deployment, opened.spec, since=since).uplift

    truth, examples = likely(opened, since)
    held = examples.trial.side == "hold-out"
    champion = (truth * examples.trial.champion_pmf).sum(axis=1)
    sides = {(subject, side) for subject, side in zip(examples.trial.subject, examples.trial.side, strict=True)}
    assert len(sides) == 40  # each on one side
    assert (got.n, got.n_held_out) == (1200, int(held.sum()))
    assert abs(got.gain.value - (champion - 0.45).mean()) < 4 * (got.gain.high - got.gain.value) / 1.96


def test_the_error_of_a_mean_goes_by_units():
    phi = np.array([1.0, 1.0, 3.0, 3.0])

    apart = earned._stderr(phi, np.arange(4))
    in_pairs = earned._stderr(phi, np.array([0, 0, 1, 1]))

    # about the mean 2: four units of 1 each, or two units of 2 each; sqrt(sum of squares * c / (c - 1)) / n
    assert apart == pytest.approx(math.sqrt(4 * 4 / 3) / 4)
    assert in_pairs == pytest.approx(math.sqrt(8 * 2 / 1) / 4)
    assert earned._stderr(phi, np.zeros(4, dtype=int)) == math.inf


def test_the_best_of_those_allowed_is_taken_and_ties_share(clinic):
    opened, since = lived(clinic, n=3)
    _, examples = likely(opened, since)
    examples.allowed[:] = [[True, True], [False, True], [True, True]]

    got = earned.best_allowed(examples, np.array([[0.1, 0.2], [0.9, 0.1], [0.5, 0.5]]))

    np.testing.assert_array_equal(got, [[0, 1], [0, 1], [0.5, 0.5]])


def test_the_report_tells_what_was_earned_and_how_it_came_about(clinic):
    opened, _ = lived(clinic, n=400, gate={"hold_out": 0.1})
    registry = opened.deployment.registry
    registry.challenges.begin(
        "shop", read_spec({**SHOP, "gate": {"hold_out": 0.1}, "explore": {"name": "squarecb", "floor": 0.2}}), why="to see"
    )
    registry.challenges.retire("shop", why="seen enough")
    registry.roll_back_by_person("shop", why="complaints <b>")

    report = report_of(opened.deployment, "shop", since=0)
    page = page_of(report).decode()

    assert [(one.what, one.how) for one in report.timeline] == [
        ("taken back", "rollback"),
        ("RETIRED", "challenge"),
        ("began", "challenge"),
        ("went live", "refresh"),
    ]
    assert report.timeline[0].why == "rolled back by a person: complaints <b>"
    assert report.earned.uplift.sentence in page
    assert "complaints &lt;b&gt;" in page
    assert "<h2>What it earned</h2>" in page
    assert "<h2>What went live, and why</h2>" in page
    assert "above the baseline" in page
