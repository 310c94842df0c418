"""Evidence of whole episodes: hand-worked pseudo-outcomes, chunks that do not matter, and promotions that are not by luck."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import BadSetting
from policyloop.core.loop import GuardSpec
from policyloop.core.spec_file import read_spec
from policyloop.gate.episodes import ClosedEpisodes, begun, bounds_of, from_map, judged, kept, limits_of, taken_up, to_map
from policyloop.gate.verdict import Call, verdict_of

SHARE = 0.1


def closed(returns, is_challengers, *, share=SHARE):
    m = len(returns)
    return ClosedEpisodes(
        returns=np.asarray(returns, dtype=np.float64),
        is_challengers=np.asarray(is_challengers, dtype=bool),
        share=np.full(m, share) if np.isscalar(share) else np.asarray(share),
        began_at=np.arange(1, m + 1),
    )


def fresh(*, low=0.0, high=100.0, mean_return=20.0, state="CANARY"):
    return begun(state, bounds=(low, high), mean_return=mean_return, position=0)


def played(n, *, seed, better=0.0, share=SHARE, account=None):
    """Episodes that return 20 on average, the challenger's so much more."""
    rng = np.random.default_rng(seed)
    is_challengers = rng.random(n) < share
    returns = 40 * rng.random(n) + np.where(is_challengers, better, 0.0)
    return taken_up(account or fresh(), closed(returns, is_challengers, share=share), state="CANARY")


def test_an_episode_is_weighed_by_its_side_and_held_against_what_earlier_ones_foretell():
    """The first is held against the mean before, 20: an episode of the champion that returns 30 says -(30 - 20) / .9."""
    account = taken_up(fresh(), closed([30.0], [False]), state="CANARY")

    assert account.evidence is not None
    assert account.evidence.total == pytest.approx(-10 / 0.9)
    assert (account.champion.n, account.champion.mean, account.challenger.n) == (1, 30.0, 0)


def test_what_is_foretold_is_mostly_the_challengers_mean():
    """After 30 by the champion its mean with the prior is 25: q = .9 * 20 + .1 * 25 = 20.5, and (50 - 20.5) / .1 = 295."""
    account = taken_up(fresh(), closed([30.0, 50.0], [False, True]), state="CANARY")

    assert account.evidence is not None
    assert account.evidence.total == pytest.approx(-10 / 0.9 + 295)


def test_what_is_foretold_stays_below_its_ceiling():
    account = fresh(mean_return=20.0)

    assert account.ceiling == 40.0
    assert limits_of(account, SHARE).below == pytest.approx(max(40 / 0.1, 100 / 0.9))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 150), st.booleans(), st.sampled_from([0.1, 0.5])), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_chunks_do_not_matter_and_returns_beyond_their_bounds_break_nothing(rows, cut):
    returns, sides, shares = (np.array(column) for column in zip(*rows, strict=True))
    whole = closed(returns, sides, share=shares)
    at_once = taken_up(fresh(), whole, state="CANARY")
    before, after = np.arange(len(whole)) < cut, np.arange(len(whole)) >= cut

    in_two = taken_up(taken_up(fresh(), whole.where(before), state="CANARY"), whole.where(after), state="CANARY")

    assert at_once.n_served == in_two.n_served == len(whole)
    assert at_once.evidence is not None
    assert in_two.evidence is not None
    assert at_once.evidence.total == pytest.approx(in_two.evidence.total, rel=1e-9, abs=1e-6)
    assert at_once.evidence.better.log_e == pytest.approx(in_two.evidence.better.log_e, rel=1e-9, abs=1e-9)


def test_the_mean_of_the_evidence_is_the_difference_of_the_mean_returns():
    account = played(40_000, seed=1, better=5.0)

    assert account.evidence is not None
    assert account.evidence.mean == pytest.approx(5.0, abs=4 * 12 / math.sqrt(4_000))


def test_a_challenger_that_returns_more_is_proven_better():
    reasons = judged(played(3_000, seed=2, better=15.0), alpha=0.05)

    assert verdict_of(reasons) == Call.PROMOTE
    assert "Proven better after 3,000 closed episodes" in reasons[0].sentence
    assert reasons[0].numbers["n"] == 3_000


def test_a_challenger_that_returns_less_is_retired():
    assert verdict_of(judged(played(3_000, seed=3, better=-15.0), alpha=0.05)) == Call.RETIRE


def test_a_proof_names_the_bound_that_it_rests_on_and_no_interval_is_wider_than_returns_can_differ():
    proven = judged(played(3_000, seed=2, better=15.0), alpha=0.05)[0].sentence
    retired = judged(played(3_000, seed=3, better=-15.0), alpha=0.05)[0].sentence
    open_yet = judged(played(20, seed=2), alpha=0.05)[0]

    assert ", 95 % sure that it is more than +" in proven
    assert ", 95 % sure that it is less than -" in retired
    assert ", 95 % sure between -100 and +100. " in open_yet.sentence
    assert (open_yet.numbers["low"], open_yet.numbers["high"]) == (-100.0, 100.0)


def n_promoted_by_luck(*, runs, looks, every):
    """Of so many challenges between equals, each looked at again and again."""
    n = 0
    for seed in range(runs):
        account, rng = fresh(), np.random.default_rng(seed)
        for _ in range(looks):
            account = taken_up(account, closed(40 * rng.random(every), rng.random(every) < SHARE), state="CANARY")
            if verdict_of(judged(account, alpha=0.05)) == Call.PROMOTE:
                n += 1
                break
    return n


def test_equal_policies_are_hardly_ever_promoted():
    assert n_promoted_by_luck(runs=50, looks=8, every=50) <= 2


@pytest.mark.slow
def test_equal_policies_are_hardly_ever_promoted_however_often_one_looks():
    assert n_promoted_by_luck(runs=200, looks=40, every=10) <= 10  # 5 %


def test_a_handful_of_episodes_proves_nothing():
    returns, sides = np.tile([0.0, 100.0], 20), np.tile([False, True], 20)
    reasons = judged(taken_up(fresh(), closed(returns, sides, share=0.5), state="CANARY"), alpha=0.05)

    assert reasons[0].call == Call.PROMOTE
    assert verdict_of(reasons) == Call.INCONCLUSIVE
    assert reasons[1].sentence == "40 episodes have closed; a promotion waits for 50."


def test_before_the_first_episode_nothing_is_said():
    (reason,) = judged(fresh(), alpha=0.05)

    assert reason.call == Call.INCONCLUSIVE
    assert reason.sentence.startswith("No episode of this challenge has closed yet")


def test_a_new_state_counts_its_episodes_anew_and_keeps_the_evidence():
    before = played(100, seed=4)
    after = taken_up(before, closed([20.0], [True], share=0.5), state="RAMP")

    assert (before.n_served, after.n_served) == (100, 1)
    assert after.evidence is not None
    assert after.evidence.n == 101


HEAT = GuardSpec(name="heat", margin=1.0, better="lower", low=0.0, high=10.0)
LOOP = read_spec(
    {
        "loop": "cart",
        "context": {"x": "number", "track": {"type": "category", "values": ["wet", "dry"]}},
        "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
        "episodes": {"max_steps": 100},
        "outcomes": {"heat": "number"},
        "reward": {"expression": "1 - abs(x) / 10", "range": [0, 1]},
        "baseline": "middle",
    }
)


def watching(*guards, slices=()):
    return replace(LOOP, gate=replace(LOOP.gate, guards=guards, slices=slices))


def heated(heat, is_challengers):
    return replace(closed([20.0] * len(heat), is_challengers), outcomes={"heat": np.array(heat)})


def test_a_guarded_outcome_is_weighed_by_its_side_and_its_margin_is_added():
    """Around 2 before: an episode of the champion with 3 says (3 - 2) / .9 for the challenger, who may be worse by 1."""
    account = begun("CANARY", bounds=(0.0, 100.0), mean_return=20.0, position=0, levels={"heat": 2.0})

    account = taken_up(account, heated([3.0], [False]), state="CANARY", spec=watching(HEAT))

    assert account.margins["heat"].total == pytest.approx(1 / 0.9 + 1)


@pytest.mark.parametrize(("more", "call"), [(0.0, Call.PROMOTE), (3.0, Call.RETIRE)])
def test_a_margin_is_kept_by_a_challenger_that_is_no_worse_and_broken_by_one_that_is(more, call):
    rng = np.random.default_rng(4)
    sides = rng.random(4000) < 0.5
    episodes = replace(
        closed([20.0] * len(sides), sides, share=0.5), outcomes={"heat": 2 + rng.random(len(sides)) + more * sides}
    )

    (reason,) = kept(taken_up(fresh(), episodes, state="RAMP", spec=watching(HEAT)), watching(HEAT))

    assert (reason.call, reason.name, reason.is_check) == (call, "guard-heat", True)
    assert "beside the champion in 4,000 closed episodes" in reason.sentence


def test_a_stop_ends_a_challenge_after_fifty_episodes_and_not_before():
    stopped = replace(HEAT, margin=3.0, stop=2.0)
    sides = np.arange(50) % 2 == 0

    def said(n):
        episodes = replace(closed([20.0] * n, sides[:n], share=0.5), outcomes={"heat": np.where(sides[:n], 5.0, 2.0)})
        (reason,) = kept(taken_up(fresh(), episodes, state="CANARY", spec=watching(stopped)), watching(stopped))
        return reason

    assert said(49).call == Call.INCONCLUSIVE
    assert said(50).call == Call.RETIRE
    assert said(50).sentence.endswith("beside the champion in 50 closed episodes, beyond the stop of 2.")


def test_guards_of_which_nothing_was_seen_are_open():
    (reason,) = kept(fresh(), watching(HEAT))

    assert (reason.call, reason.sentence) == (Call.INCONCLUSIVE, "Guard heat: nothing has been seen of it yet.")


def on_tracks(n, *, seed, better_when_dry=0.0, worse_when_wet=0.0):
    """Episodes that began on either track, and return 20 on average; the challenger's so much more or less."""
    rng = np.random.default_rng(seed)
    sides, is_wet = rng.random(n) < 0.5, rng.random(n) < 0.3
    returns = 40 * rng.random(n) + sides * np.where(is_wet, -worse_when_wet, better_when_dry)
    return replace(closed(returns, sides, share=0.5), began_in={"track": np.where(is_wet, "wet", "dry").astype(object)})


def test_every_value_at_a_first_step_has_evidence_of_its_own_in_whatever_chunks_episodes_come():
    spec, episodes = watching(slices=("track",)), on_tracks(60, seed=2)
    first = np.arange(60) < 23

    account = taken_up(fresh(), episodes, state="RAMP", spec=spec)

    assert sorted(account.slices) == ["track=dry", "track=wet"]
    assert account.slices["track=wet"].n == np.count_nonzero(episodes.began_in["track"] == "wet")
    assert sum(one.total for one in account.slices.values()) == pytest.approx(account.evidence.total, rel=1e-9)
    in_two = taken_up(
        taken_up(fresh(), episodes.where(first), state="RAMP", spec=spec), episodes.where(~first), state="RAMP", spec=spec
    )
    assert {name: one.n for name, one in in_two.slices.items()} == {name: one.n for name, one in account.slices.items()}
    assert in_two.slices["track=wet"].e_worse == pytest.approx(account.slices["track=wet"].e_worse, rel=1e-9)


def test_a_challenger_that_returns_more_on_the_whole_and_less_where_it_is_wet_is_held_back():
    spec = watching(slices=("track",))
    account = taken_up(fresh(), on_tracks(4000, seed=3, better_when_dry=10, worse_when_wet=15), state="RAMP", spec=spec)

    (reason,) = kept(account, spec)

    assert judged(account, alpha=0.05)[0].call == Call.PROMOTE
    assert (reason.name, reason.call, reason.is_check) == ("slice", Call.INCONCLUSIVE, True)
    assert reason.sentence.startswith("Harm in a slice blocks: an episode of it returns -1")
    assert f"beside the champion where track=wet ({account.slices['track=wet'].n:,} closed episodes)." in reason.sentence


def test_a_challenger_that_returns_more_everywhere_is_not_held_back_by_slices():
    spec = watching(slices=("track",))
    account = taken_up(fresh(), on_tracks(4000, seed=3, better_when_dry=10, worse_when_wet=-10), state="RAMP", spec=spec)

    (reason,) = kept(account, spec)

    assert reason.call == Call.PROMOTE
    assert reason.sentence.startswith("No slice is harmed for sure; worst, an episode of it returns +")


def test_the_account_goes_through_json_to_the_last_bit():
    account = taken_up(played(57, seed=5), on_tracks(40, seed=6), state="RAMP", spec=watching(slices=("track",)))

    assert account.slices
    assert from_map(json.loads(json.dumps(to_map(account)))) == account
    assert from_map(json.loads(json.dumps(to_map(fresh())))) == fresh()


def loop_with(**episodes):
    return read_spec(
        {
            "loop": "cart",
            "context": {"x": "number"},
            "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
            "episodes": episodes,
            "reward": {"expression": "1 - abs(x) / 10", "range": [-2, 1]},
            "baseline": "middle",
        }
    )


def test_a_return_is_bounded_by_the_range_of_a_reward_over_as_many_steps_as_there_may_be():
    assert bounds_of(loop_with(max_steps=200)) == (-400.0, 200.0)


def test_episodes_without_a_last_step_bound_nothing_and_the_setting_is_named():
    with pytest.raises(BadSetting, match=r"episodes\.max_steps is not set, so nothing bounds the return"):
        bounds_of(loop_with())
