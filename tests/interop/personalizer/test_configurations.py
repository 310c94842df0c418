"""Configurations: what a change means for the loop's spec, what is kept beside it, and what cannot be."""

import msgspec
import pytest

from policyloop.core.spec_file import read_spec
from policyloop.interop.personalizer import learning_settings
from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.interop.personalizer.refusals import Misfit
from policyloop.interop.personalizer.service_configuration import KeptConfiguration, changed, shown
from policyloop.interop.personalizer.wire import PolicyContract

NOW = "2026-11-01T00:00:00.000000Z"


def spec_of(**changes):
    return read_spec({"loop": "shelf", **LOOP, **changes})


def sent(spec, kept=None, **changes):
    return msgspec.structs.replace(shown(spec, kept or KeptConfiguration(), is_newest=True), **changes)


def test_the_loop_that_init_writes_has_the_services_own_defaults():
    told = msgspec.to_builtins(shown(spec_of(), KeptConfiguration(), is_newest=False))

    assert told == {
        "rewardWaitTime": "PT10M",
        "defaultReward": 0.0,
        "rewardAggregation": "earliest",
        "explorationPercentage": 0.2,
        "modelExportFrequency": "PT5M",
        "logRetentionDays": 90,
        "learningMode": "Online",
        "isAutoOptimizationEnabled": False,
        "isInferenceExplainabilityEnabled": False,
        "logMirrorEnabled": False,
    }


@pytest.mark.parametrize("train", ["500 examples or 5m", "500 examples", "1h", "none"])
def test_what_was_read_can_be_sent_back_and_changes_nothing(train):
    spec = spec_of(train={"every": train})

    after, kept = changed(spec, KeptConfiguration(), sent(spec), now=NOW)

    assert after.digest == spec.digest
    assert msgspec.structs.replace(kept, modelExportFrequency="PT5M") == KeptConfiguration(edited_at=NOW)


@pytest.mark.parametrize(
    ("name", "take"), [("earliest", "first"), ("Sum", "sum"), ("average", "mean"), ("min", "min"), ("max", "max")]
)
def test_each_aggregation_is_a_way_to_take_the_outcome(name, take):
    spec = spec_of()

    after, _ = changed(spec, KeptConfiguration(), sent(spec, rewardAggregation=name), now=NOW)

    assert after.outcomes["reward"].take == take
    assert shown(after, KeptConfiguration(), is_newest=False).rewardAggregation == name.lower()


def test_an_aggregation_of_the_loop_file_that_the_service_never_had_stays():
    spec = spec_of(outcomes={"reward": {"type": "number", "take": "last"}})

    after, _ = changed(spec, KeptConfiguration(), sent(spec), now=NOW)

    assert after.outcomes["reward"].take == "last"


def test_how_often_models_go_live_leaves_a_cron_line_alone():
    spec = spec_of(train={"cron": "0 3 * * *"})

    after, kept = changed(spec, KeptConfiguration(), sent(spec, modelExportFrequency="PT1H"), now=NOW)

    assert (after.train.cron, kept.modelExportFrequency) == ("0 3 * * *", "PT1H")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"rewardWaitTime": "P2DT1S"}, "InvalidRewardWaitTime", "Reward wait time should be two days or less."),
        ({"rewardWaitTime": "PT4S"}, "InvalidRewardWaitTime", "Reward wait time should be five seconds or more."),
        ({"rewardWaitTime": "soon"}, "InvalidServiceConfiguration", "expected an ISO 8601 duration"),
        ({"defaultReward": 1.5}, "InvalidServiceConfiguration", "expected a number from -1 to 1"),
        ({"explorationPercentage": -0.1}, "InvalidServiceConfiguration", "expected a number from 0 to 1"),
        ({"logRetentionDays": 1}, "InvalidLogRetentionDays", "at least a day more than the reward wait time"),
        ({"logRetentionDays": -2}, "InvalidServiceConfiguration", "expected -1 or more"),
        ({"learningMode": "Asleep"}, "InvalidServiceConfiguration", "expected one of Online, Apprentice, LoggingOnly"),
        ({"rewardAggregation": "median"}, "InvalidServiceConfiguration", "expected one of earliest, sum"),
        ({"logMirrorSasUri": "https://storage.example"}, "InvalidServiceConfiguration", "logs are not sent anywhere"),
        (
            {"learningMode": "Apprentice", "rewardAggregation": "sum"},
            "InvalidLearningModeServiceConfiguration",
            "cannot be changed together with reward settings",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_services_code(change, code, message):
    spec = spec_of()

    with pytest.raises(Misfit) as caught:
        changed(spec, KeptConfiguration(), sent(spec, **change), now=NOW)

    assert caught.value.their_code == code
    assert message in str(caught.value)


def test_learning_mode_changes_by_itself_and_the_rest_is_kept():
    spec = spec_of()

    after, kept = changed(
        spec,
        KeptConfiguration(),
        sent(spec, learningMode="Apprentice", modelRetrainDays=5, logRetentionDays=-1, isAutoOptimizationEnabled=True),
        now=NOW,
    )

    assert after.digest == spec.digest
    assert (kept.learningMode, kept.modelRetrainDays, kept.logRetentionDays) == ("Apprentice", 5, -1)
    assert sent(after, kept).isAutoOptimizationEnabled is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--boost", "is missing --cb_explore_adf"),
        ("--ccb_explore_adf", "several slots and continuous actions come later"),
        ("--cats 4", "several slots and continuous actions come later"),
        ("--cb_explore_adf " + "x" * 1024, "expected at most 1024"),
    ],
)
def test_arguments_that_the_service_would_not_have_taken_are_refused(arguments, message):
    with pytest.raises(Misfit, match=message):
        learning_settings.checked(PolicyContract("mine", arguments))


def test_the_share_that_explores_is_the_service_configurations():
    kept = learning_settings.checked(PolicyContract("mine", "--cb_explore_adf --epsilon=0.9 -f model -i old --id x -l 0.5"))

    assert kept.arguments == "--cb_explore_adf --epsilon=0.9 -l 0.5"
    spec = spec_of(explore={"name": "greedy", "floor": 0.25})
    assert learning_settings.shown(kept, spec).arguments == "--cb_explore_adf --epsilon 0.25 -l 0.5"
    assert learning_settings.shown(None, spec).name == "default"


def test_where_the_learner_is_vw_the_settings_are_its_arguments():
    spec = spec_of(learner={"name": "vw"})
    sent = learning_settings.checked(PolicyContract("mine", "--cb_explore_adf --epsilon 0.9 --dsjson -l 0.5 -q ::"))

    after = learning_settings.applied(spec, sent)

    assert after.learner.settings["arguments"] == "-l 0.5 -q ::"
    assert learning_settings.shown(sent, after).arguments == "--cb_explore_adf --epsilon 0.2 -l 0.5 -q ::"
    assert learning_settings.applied(spec_of(), sent).digest == spec_of().digest
