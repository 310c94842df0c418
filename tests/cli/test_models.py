"""`policyloop models`, `promote`, `rollback`, `verdicts`, `pause` and `resume`: who decides, and why."""

import json


def test_a_loop_without_models_says_who_decides(project):
    assert project("models", "front-page").out == "loop 'front-page' has no model yet; the baseline 'first' decides.\n"


def test_models_are_listed_newest_first_with_what_they_are(project, publish):
    first, second = publish(1), publish(2)
    project("promote", "front-page", first)

    listed = json.loads(project("models", "front-page", "--json").out)

    assert {row["model"] for row in listed} == {first, second}
    by_model = {row["model"]: row for row in listed}
    assert (by_model[first]["state"], by_model[first]["is"]) == ("live", ["champion", "anchor"])
    assert (by_model[second]["state"], by_model[second]["is"], by_model[second]["examples"]) == ("challenger", [], 1002)


def test_people_get_short_names_and_ages(project, publish):
    model = publish(1)

    head, row = project("models", "front-page").out.splitlines()

    assert head.split()[:2] == ["model", "state"]
    assert row.split()[:3] == [model[:12], "challenger", "1,001"]
    assert (head.split()[-1], row.split()[-1]) == ("learner", "linear")


def test_the_card_of_a_model_is_markdown(project, publish):
    model = publish(1)

    ran = project("models", "front-page", model[:8])

    assert ran.out.startswith(f"# Model {model}\n")


def test_a_script_gets_the_card_as_json(project, publish):
    model = publish(1)
    project("promote", "front-page", model, "--why", "looks good")

    told = json.loads(project("models", "front-page", model[:8], "--json").out)

    assert (told["model"], told["state"], told["is"]) == (model, "live", ["champion", "anchor"])
    assert told["manifest"]["n_examples"] == 1001
    assert [(verdict["kind"], verdict["model"]) for verdict in told["verdicts"]] == [("promote", model)]


def test_an_unknown_model_says_how_to_find_the_known(project):
    ran = project("models", "front-page", "feedbeef")

    assert (ran.code, ran.err) == (
        2,
        "error: loop 'front-page' has no model 'feedbeef'; `policyloop models front-page` lists them.\n",
    )


def test_promoting_and_rolling_back_by_hand_is_told_and_kept(project, publish):
    first, second = publish(1), publish(2)

    promoted = project("promote", "front-page", first[:10], "--why", "looks good")
    again = project("promote", "front-page", second)
    back = project("rollback", "front-page", "--why", "it does not")

    assert promoted.out == f"front-page: model {first[:12]} decides now; before it, baseline did.\n"
    assert again.out == f"front-page: model {second[:12]} decides now; before it, {first[:12]} did.\n"
    assert back.out == f"front-page: {first[:12]} decides now; model {second[:12]} is taken back.\n"
    verdicts = json.loads(project("verdicts", "front-page", "--json").out)
    assert [(verdict["kind"], verdict["model"]) for verdict in verdicts] == [
        ("rollback", second),
        ("promote", second),
        ("promote", first),
    ]
    assert verdicts[0]["reasons"][0]["sentence"] == "rolled back by a person: it does not"


def test_verdicts_can_be_those_of_one_model(project, publish):
    first, second = publish(1), publish(2)
    project("promote", "front-page", first)
    project("promote", "front-page", second)

    listed = json.loads(project("verdicts", "front-page", "--model", first, "--json").out)

    assert [verdict["model"] for verdict in listed] == [first]


def test_verdicts_for_people_say_why(project, publish):
    project("promote", "front-page", publish(1), "--why", "looks good")

    assert "looks good" in " ".join(project("verdicts", "front-page").out.split())


def test_a_loop_without_verdicts_says_so(project):
    assert (
        project("verdicts", "front-page").out == "loop 'front-page' has no verdict yet; the first comes with the first model.\n"
    )


def test_nothing_to_roll_back_is_the_users_mistake(project):
    ran = project("rollback", "front-page")

    assert ran.code == 2
    assert "has no model to roll back: the baseline decides already." in ran.err


def test_pausing_and_resuming_is_told(project, publish):
    model = publish(1)
    project("promote", "front-page", model)

    paused = project("pause", "front-page")
    resumed = project("resume", "front-page")

    assert paused.out == (
        f"front-page: paused. The baseline 'first' decides until `policyloop resume front-page`; "
        f"the champion is still {model[:12]}.\n"
    )
    assert resumed.out == f"front-page: {model[:12]} decides again.\n"


def test_a_loop_goes_by_its_aliases_too(project):
    assert project("pause", "Homepage").out.startswith("front-page: paused.")


def test_an_unknown_loop_is_answered_with_the_nearest(project):
    ran = project("models", "front-pag")

    assert (ran.code, ran.err) == (2, "error: no loop is named 'front-pag'; did you mean 'front-page'?\n")


def test_a_folder_without_data_is_told_and_left_alone(policyloop, tmp_path):
    ran = policyloop("models", "front-page")

    assert ran.code == 2
    assert ran.err.startswith(f"error: there is no data in '{tmp_path / 'policyloop-data'}' yet; expected a data folder that")
    assert list(tmp_path.iterdir()) == []


def test_a_script_gets_what_holds_now_as_json_whatever_it_changed(project, publish):
    first, second = publish(1), publish(2)

    def told(*command):
        return json.loads(project(*command, "--json").out)

    alike = {"loop": "front-page", "anchor": first, "is_frozen": False}
    assert told("promote", "front-page", first) == alike | {"champion": first, "previous": None, "is_paused": False}
    assert told("promote", "front-page", second) == alike | {"champion": second, "previous": first, "is_paused": False}
    assert told("pause", "front-page") == alike | {"champion": second, "previous": first, "is_paused": True}
    assert told("resume", "front-page")["is_paused"] is False
    assert told("rollback", "front-page")["champion"] == first
