"""`policyloop apply`: what changes is shown with what it entails, and then holds."""

import json

import pytest

LOOP = """
loop: front-page
context: {hour: {type: integer, min: 0, max: 23}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
aliases: [Homepage]
"""


def test_a_new_loop_is_applied_as_version_1(policyloop, tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP)

    ran = policyloop("apply")

    assert ran.code == 0
    assert ran.out == "front-page: a new loop (1 field, 2 actions), version 1.\n  largest weight of one example: 100\n"


def test_applying_again_changes_nothing(project):
    assert project("apply").out.startswith("front-page: holds already, version 1.\n")


def test_a_change_is_shown_with_what_it_entails(project, tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP + "explore: {floor: 0.05}\nreward: {window: 20m}\n")

    ran = project("apply")

    assert ran.out.splitlines() == [
        "front-page: 2 changes, version 2.",
        "  $.reward.window: 10m -> 20m (examples are made again from history, and the model has to be learned anew)",
        "  $.explore.floor: 0.02 -> 0.05 (takes effect with the next decision)",
        "  largest weight of one example: 40",
    ]


def test_a_dry_run_shows_and_changes_nothing(project, tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP + "explore: {floor: 0.05}\n")

    shown = json.loads(project("apply", "--dry-run", "--json").out)

    assert [change["where"] for change in shown[0]["changes"]] == ["$.explore.floor"]
    assert shown[0]["applied"] is False
    assert project("apply").out.startswith("front-page: 1 change, version 2.")


def test_a_dry_run_leaves_no_data_folder_behind(policyloop, tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP)

    ran = policyloop("apply", "--dry-run")

    assert ran.out.startswith("front-page: would be a new loop (1 field, 2 actions), nothing was changed (--dry-run).\n")
    assert [path.name for path in tmp_path.iterdir()] == ["front-page.yaml"]


def test_a_change_that_needs_a_challenge_is_refused_with_the_way_out(project, publish, tmp_path):
    project("promote", "front-page", publish(1))
    (tmp_path / "front-page.yaml").write_text(LOOP + "reward: {window: 20m}\n")

    ran = project("apply")

    assert ran.code == 2
    assert "Apply it as a new loop, under another name; 'front-page' goes on as it is." in ran.err


def test_every_file_is_checked_before_the_first_is_applied(policyloop, tmp_path):
    (tmp_path / "a.yaml").write_text(LOOP)
    (tmp_path / "b.yaml").write_text(LOOP.replace("front-page", "other").replace("calm", "yes").replace("Homepage", "x"))

    ran = policyloop("apply")

    assert ran.code == 2
    assert "$.actions.labels[0]: is true; put it in quotes" in ran.err
    assert policyloop("models", "front-page").code == 2


def test_a_plugins_setting_out_of_range_is_told_now(policyloop, tmp_path):
    (tmp_path / "x.yaml").write_text(LOOP + "explore: {name: epsilon_greedy, epsilon: 3}\n")

    ran = policyloop("apply")

    assert (ran.code, ran.err) == (
        2,
        "error: $.explore: explore.epsilon is 3; expected a number from 0 to 1: the chance of a random action.\n",
    )


def test_a_plugins_setting_of_the_wrong_type_is_the_users_mistake(policyloop, tmp_path):
    (tmp_path / "x.yaml").write_text(LOOP + "explore: {name: epsilon_greedy, epsilon: much}\n")

    ran = policyloop("apply")

    assert ran.code == 2
    assert ran.err.startswith("error: $.explore: ")


def test_project_defaults_reach_the_loop(policyloop, tmp_path):
    (tmp_path / "policyloop.yaml").write_text("defaults: {explore: {floor: 0.2}}\n")
    (tmp_path / "x.yaml").write_text(LOOP)

    assert json.loads(policyloop("apply", "--json").out)[0]["largest_weight"] == 10


def test_warnings_are_notes(policyloop, tmp_path):
    (tmp_path / "x.yaml").write_text(LOOP + "explore: {floor: 0}\n")

    ran = policyloop("apply")

    assert "  largest weight of one example: none" in ran.out
    assert "  note: explore.floor is 0: actions may never be tried, so no gate can pass; use 0.02 or more." in ran.out


def test_a_folder_without_loops_is_told(policyloop):
    ran = policyloop("apply")

    assert (ran.code, ran.err) == (2, "error: no loop file is in this folder; `policyloop init NAME` writes one.\n")


def test_a_changed_reward_has_the_examples_made_again(project, tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP + "reward: {expression: clicked * 2}\n")

    ran = project("apply")

    assert ran.code == 0
    assert "examples are made again from history" in ran.out


def test_the_faults_of_all_files_are_told_at_once_with_their_files(policyloop, tmp_path):
    (tmp_path / "a.yaml").write_text(LOOP + "basline: calm\n")
    (tmp_path / "b.yaml").write_text(LOOP.replace("front-page", "other") + "explore: {flor: 0.1}\n")

    for command in ("apply", "up"):
        ran = policyloop(command)

        assert ran.code == 2
        assert "a.yaml: $.basline: no key of a loop is named 'basline'; did you mean 'baseline'?" in ran.err
        assert "b.yaml: $.explore.flor: no setting of squarecb is named 'flor'; did you mean 'floor'?" in ran.err


def test_two_files_about_one_loop_are_refused(project, tmp_path):
    (tmp_path / "old.yaml").write_text(LOOP)

    ran = project("apply")

    assert ran.code == 2
    assert "old.yaml: $.loop: is 'front-page', the loop of " in ran.err


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (
            "{challenge: {name: proven-better, alpha: 7}}",
            "$.gate.challenge: gate.challenge.alpha is 7; expected a number above 0",
        ),
        ("{refresh: {name: no-harm, alpha: -3}}", "$.gate.refresh: gate.refresh.alpha is -3; expected a number above 0"),
    ],
)
def test_a_rule_that_could_not_be_made_is_refused_before_it_holds(policyloop, tmp_path, gate, told):
    loop = "loop: shop\nactions: {labels: [a, b]}\noutcomes: {won: {type: boolean}}\nreward: {range: [0, 1]}\n"
    (tmp_path / "shop.yaml").write_text(f"{loop}gate: {gate}\n")

    ran = policyloop("apply")

    assert ran.code == 2
    assert told in ran.err


def test_what_a_live_model_does_not_allow_is_marked_while_one_is_live(project, publish, tmp_path):
    project("promote", "front-page", publish(1))
    (tmp_path / "front-page.yaml").write_text(LOOP + "explore: {floor: 0.05}\nreward: {window: 20m}\n")

    ran = project("apply", "--dry-run")

    lines = ran.out.splitlines()
    assert ran.code == 2
    assert lines[1].endswith("the model has to be learned anew); refused while a model is live")
    assert lines[2].endswith("(takes effect with the next decision)")
