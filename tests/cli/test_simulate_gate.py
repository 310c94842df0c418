"""policyloop simulate gate: a table and a sentence for people, every number for scripts."""

import json


def test_scripts_get_the_share_with_its_exact_interval_and_the_median(policyloop):
    ran = policyloop(
        *("simulate", "gate", "--world", "stationary", "--lift", "0.2", "--canary", "0.1", "--events", "4000"),
        *("--look-every", "1000", "--rule", "proven-better", "--runs", "3", "--seed", "5", "--json"),
    )

    told = json.loads(ran.out)
    assert ran.code == 0
    assert (told["promoted"], told["runs"], told["seed"], told["look_every"]) == (1.0, 3, 5, 1000)
    assert 0.29 < told["promoted_low"] < 0.3  # .025 ** (1 / 3)
    assert told["promoted_high"] == 1.0
    assert told["median_events"] in (1000, 2000)
    assert abs(told["true_lift"] - 0.2) < 1e-9


def test_a_median_that_most_runs_never_reach_is_null(policyloop):
    ran = policyloop("simulate", "gate", "--lift", "0", "--events", "1000", "--runs", "3", "--json")

    assert json.loads(ran.out)["median_events"] is None


def test_people_get_a_table_and_a_sentence(policyloop):
    ran = policyloop("simulate", "gate", "--world", "hold-out", "--lift", "-0.2", "--runs", "2")

    assert "rolled back" in ran.out
    assert ran.out.rstrip().endswith("decisions, in half of all runs by 500.")


def test_the_twin_needs_a_loop_and_the_others_take_none(policyloop):
    for line in (("--world", "twin"), ("--world", "canary", "--loop", "front-page")):
        ran = policyloop("simulate", "gate", *line)
        assert ran.code == 2
        assert "--loop: goes with `--world twin`" in ran.err


def test_unknown_names_and_numbers_out_of_range_are_the_users_mistake(policyloop):
    assert "no world is named 'canari'; did you mean 'canary'?" in policyloop("simulate", "gate", "--world", "canari").err
    ran = policyloop("simulate", "gate", "--canary", "0.9")
    assert (ran.code, "canary is 0.9; expected a share from 0 to 0.5." in ran.err) == (2, True)
