"""What examples tell of challenges and hold-outs, read back from the tables."""

import json
from dataclasses import replace

import numpy as np
import pytest

from empty_records import with_records
from join_loops import a_spec
from policyloop.core.loop import ActionSpec
from policyloop.core.shadow import packed
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, T0, a_decision, an_outcome, sealed

SPEC = a_spec()
OLD = replace(SPEC, actions=ActionSpec(kind="discrete", labels=("gone", "playful", "calm")), digest="6" * 32)
CANARY = [("champ", 0.81), ("chall", 0.09), ("baseline", 0.1)]
NAN3 = [np.nan] * 3


class KnownSpecs:
    """Specs by digest."""

    def spec_named(self, loop, digest):
        return {SPEC.digest: SPEC, OLD.digest: OLD}.get(digest)


@pytest.fixture
def read(tmp_path):
    """A function from events to examples."""

    def of(*events, spec=SPEC):
        lake, records = Lake(tmp_path / "lake"), open_records(url_of(with_records(tmp_path)))
        ship(lake, records, [sealed(events)])
        join_loop(lake, records, spec, watermark=T0 + 24 * HOUR)
        records.close()
        return examples_of(lake, KnownSpecs(), spec)[0]

    return of


def shadow(**told):
    return json.dumps({"policy": "chall", "challenge": "7", "state": "canary", "champion_us": 20.0, **told})


def in_canary(name="mixed", *, at=T0, **fields):
    """A decision of the challenger."""
    its = shadow(pmf=[0.1, 0.2, 0.7], us=30.5, champion=[0.6, 0.3, 0.1])
    return a_decision(
        name, at=at, **({"policy": "chall", "mixture": CANARY, "side": "challenger", "subject": "s1", "shadow": its} | fields)
    )


def test_without_challenge_and_hold_out_there_is_no_trial(read):
    assert read(a_decision("a"), a_decision("b", at=T0 + 1, subject="s1")).trial is None


def test_an_apprentices_shadow_is_no_trial(read):
    watched = a_decision("w", shadow='{"policy":"m","pmf":[0.2,0.2,0.6]}', action_source="expert", is_fallback=True)

    assert read(watched).trial is None


def test_every_column_of_a_canary(read):
    trial = read(in_canary()).trial

    assert (list(trial.champion), list(trial.challenger), list(trial.side)) == (["champ"], ["chall"], ["challenger"])
    assert (list(trial.challenge), list(trial.state), list(trial.subject)) == (["7"], ["canary"], ["s1"])
    np.testing.assert_array_equal(trial.challenger_pmf, [[0.1, 0.2, 0.7]])
    np.testing.assert_array_equal(trial.champion_pmf, [[0.6, 0.3, 0.1]])
    assert (trial.share[0], trial.hold_out[0]) == (0.09, 0.1)
    assert (trial.challenger_us[0], trial.champion_us[0], trial.is_broken[0]) == (30.5, 20.0, False)


def test_what_stays_on_one_side_is_told_where_the_side_was_drawn_by_it(read):
    drawn_by = [
        in_canary("alone"),
        in_canary("sticky", at=T0 + 1, shadow=shadow(by="subject")),
        in_canary("step", at=T0 + 2, shadow=shadow(by="episode"), episode_id="e9"),
        in_canary("point", at=T0 + 3, shadow=shadow(by="decision")),
    ]

    assert list(read(*drawn_by).trial.unit) == ["", "s1", "e9", ""]


def test_a_challenger_that_only_watched_leaves_the_champion_its_own_pmf(read):
    seen = a_decision("s", policy="champ", shadow=shadow(state="shadow", pmf=[0.1, 0.2, 0.7], us=30.5))

    trial = read(seen).trial

    np.testing.assert_array_equal(trial.champion_pmf, [[0.5, 0.3, 0.2]])
    assert (trial.champion[0], trial.side[0], trial.share[0], trial.state[0]) == ("champ", "champion", 0.0, "shadow")


def test_a_hold_out_without_a_challenge_has_no_challenger(read):
    held = a_decision(
        "h",
        mixture=[("champ", 0.9), ("baseline", 0.1)],
        side="hold-out",
        shadow='{"champion":[0.6,0.3,0.1],"champion_us":20.0}',
    )

    trial = read(held).trial

    assert (trial.champion[0], trial.challenger[0], trial.challenge[0], trial.side[0]) == ("champ", "", "", "hold-out")
    np.testing.assert_array_equal(trial.champion_pmf, [[0.6, 0.3, 0.1]])
    np.testing.assert_array_equal(trial.challenger_pmf, [NAN3])
    assert (trial.hold_out[0], trial.share[0], np.isnan(trial.challenger_us[0])) == (0.1, 0.0, True)


def test_a_broken_challenger_has_no_share_and_no_pmf(read):
    trial = read(a_decision("b", policy="champ", shadow=shadow(error="raised ValueError: no", us=5.0))).trial

    assert (trial.is_broken[0], trial.share[0], trial.side[0], trial.challenger[0]) == (True, 0.0, "champion", "chall")
    np.testing.assert_array_equal(trial.challenger_pmf, [NAN3])
    np.testing.assert_array_equal(trial.champion_pmf, [[0.5, 0.3, 0.2]])


def test_rows_of_no_trial_beside_others_have_nothing(read):
    trial = read(a_decision("a", policy="m"), in_canary(at=T0 + 1), a_decision("c", at=T0 + 2, is_fallback=True)).trial

    for row in (0, 2):
        names = (trial.champion, trial.challenger, trial.side, trial.subject, trial.challenge, trial.state)
        assert [name[row] for name in names] == [""] * 6
        assert (trial.share[row], trial.hold_out[row], trial.is_broken[row]) == (0.0, 0.0, False)
        for pmf in (trial.champion_pmf, trial.challenger_pmf):
            np.testing.assert_array_equal(pmf[row], NAN3)


def test_choosing_rows_keeps_the_trial_in_step(read):
    examples = read(a_decision("a"), in_canary(at=T0 + 1), a_decision("c", at=T0 + 2), in_canary("d", at=T0 + 3, subject="s2"))

    some = examples.where(np.array([False, True, False, True]))

    assert list(some.trial.subject) == ["s1", "s2"]
    assert len(some.trial) == 2
    np.testing.assert_array_equal(some.trial.champion_pmf, [[0.6, 0.3, 0.1]] * 2)


def test_pmfs_of_an_older_spec_are_told_by_label_and_unknown_where_mass_is_gone(read):
    its = shadow(pmf=[0.0, 0.2, 0.8], us=1.0, champion=[0.5, 0.3, 0.2])

    trial = read(in_canary(spec=OLD.digest, action=[1], shadow=its)).trial

    np.testing.assert_array_equal(trial.challenger_pmf, [[0.8, 0.0, 0.2]])  # calm, bold, playful
    np.testing.assert_array_equal(trial.champion_pmf, [NAN3])  # it gave mass to the label that is gone


def test_what_was_done_instead_bars_the_row_and_keeps_what_each_said(read):
    done = an_outcome("mixed", values={"$executed": None}, executed="1")

    examples = read(in_canary(), done)

    assert np.isnan(examples.propensity).all()
    np.testing.assert_array_equal(examples.trial.champion_pmf, [[0.6, 0.3, 0.1]])


def test_a_point_is_barred_from_evidence_and_known_by_its_side(read):
    examples = read(in_canary(propensity_kind="point", propensity=1.0, pmf=[[0.0, 0.0, 1.0]]))

    assert np.isnan(examples.propensity).all()
    assert list(examples.trial.side) == ["challenger"]


def test_long_pmfs_come_back_bit_by_bit(read):
    spec = replace(SPEC, actions=ActionSpec(kind="discrete", labels=tuple(f"a{i}" for i in range(50))))
    pmf = [(i + 1) / 1275 for i in range(50)]
    its = shadow(pmf=packed(pmf), us=1.0, champion=packed(pmf[::-1]))

    trial = read(in_canary(spec="7" * 32, pmf=[pmf], shadow=its), spec=replace(spec, digest="7" * 32)).trial

    np.testing.assert_array_equal(trial.challenger_pmf, [pmf])
    np.testing.assert_array_equal(trial.champion_pmf, [pmf[::-1]])


def test_candidates_are_padded_like_their_pmf(read):
    spec = replace(SPEC, actions=ActionSpec(kind="candidates", max=10))
    few = '[{"id":"x","features":{}},{"id":"y","features":{}}]'
    many = '[{"id":"x","features":{}},{"id":"y","features":{}},{"id":"z","features":{}}]'
    two = shadow(pmf=[0.2, 0.8], us=1.0, champion=[0.6, 0.4])

    examples = read(
        in_canary("few", actions=few, pmf=[[0.5, 0.5]], shadow=two),
        in_canary("many", at=T0 + 1, actions=many),
        a_decision("none", at=T0 + 2, actions=many),
        spec=spec,
    )

    trial = examples.trial
    np.testing.assert_array_equal(trial.challenger_pmf, [[0.2, 0.8, 0.0], [0.1, 0.2, 0.7], NAN3])
    np.testing.assert_array_equal(trial.champion_pmf, [[0.6, 0.4, 0.0], [0.6, 0.3, 0.1], NAN3])
