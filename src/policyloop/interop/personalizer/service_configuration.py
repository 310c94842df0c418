"""The service configuration: most of it is the loop's spec in other words, the rest is kept beside it.

Question answered: what does a configuration mean for the loop? Wait time, default reward and aggregation are the loop's
window, default and `take`; the share that explores is the floor; how often models go live is `train.every`. A change of these
is a change of the spec, with all that it entails; what the spec has no place for is kept as it was sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from policyloop.core.clock import iso
from policyloop.core.duration import show_duration as spell_duration
from policyloop.core.errors import Fault
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.interop.personalizer.fit import outcome_of
from policyloop.interop.personalizer.iso_duration import read_duration, show_duration
from policyloop.interop.personalizer.refusals import Misfit
from policyloop.interop.personalizer.server import Imitation
from policyloop.interop.personalizer.wire import ApprenticeModeMetrics, BatchMetrics, ServiceConfiguration

KIND, NAME = "personalizer/service", "configuration"
INVALID = "InvalidServiceConfiguration"
MODES = ("Online", "Apprentice", "LoggingOnly")
_TAKE_OF = {"earliest": "first", "sum": "sum", "average": "mean", "min": "min", "max": "max"}
_AGGREGATION_OF = {take: name for name, take in _TAKE_OF.items()}
_MAX_WAIT_S = 2 * 86_400
_LEAST_WAIT_S = 5


class KeptConfiguration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the spec has no place for. Only `learningMode` and our own `refuseUnknownEvents` change what the endpoint does."""

    learningMode: str = "Online"  # noqa: N815 - the protocol's spelling, here and below
    modelExportFrequency: str = "PT5M"  # noqa: N815
    logRetentionDays: int = 90  # noqa: N815
    modelRetrainDays: int = 0  # noqa: N815
    isAutoOptimizationEnabled: bool = False  # noqa: N815
    autoOptimizationFrequency: str | None = None  # noqa: N815
    autoOptimizationStartDate: str | None = None  # noqa: N815
    isInferenceExplainabilityEnabled: bool = False  # noqa: N815
    refuseUnknownEvents: bool = False  # noqa: N815
    watching_since: str | None = None  # when the mode became Apprentice
    edited_at: str | None = None


def shown(spec: LoopSpec, kept: KeptConfiguration, *, is_newest: bool) -> ServiceConfiguration:
    """The configuration that holds.

    Args:
        is_newest: in the newest style, which has one key more.
    """
    has_time = spec.train.every_s is not None
    return ServiceConfiguration(
        rewardWaitTime=show_duration(spec.reward.window_s),
        defaultReward=spec.reward.default,
        rewardAggregation=_AGGREGATION_OF.get(_take(spec), _take(spec)),
        explorationPercentage=spec.explore.floor,
        modelExportFrequency=show_duration(spec.train.every_s or 0.0) if has_time else kept.modelExportFrequency,
        logRetentionDays=kept.logRetentionDays,
        modelRetrainDays=kept.modelRetrainDays if is_newest else UNSET,
        learningMode=kept.learningMode,
        lastConfigurationEditDate=kept.edited_at,
        isAutoOptimizationEnabled=kept.isAutoOptimizationEnabled,
        autoOptimizationFrequency=kept.autoOptimizationFrequency,
        autoOptimizationStartDate=kept.autoOptimizationStartDate,
        isInferenceExplainabilityEnabled=kept.isInferenceExplainabilityEnabled,
        logMirrorEnabled=False,
        refuseUnknownEvents=kept.refuseUnknownEvents or None,
    )


def metrics_of(start: str, hours: Sequence[Imitation]) -> ApprenticeModeMetrics | None:
    """How well the apprentice has done since a time; None before the first decision that it watched is settled."""
    if not hours:
        return None
    return ApprenticeModeMetrics(
        startTime=start,
        lastProcessedEventTime=iso(max(hour.last_at for hour in hours)),
        lastBatchMetrics=_batch(hours[-1:]),
        **msgspec.structs.asdict(_batch(hours)),
    )


def _batch(hours: Sequence[Imitation]) -> BatchMetrics:
    return BatchMetrics(
        numberOfEvents=sum(hour.n_events for hour in hours),
        numberOfImitatedEvents=sum(hour.n_imitated for hour in hours),
        sumOfRewards=sum(hour.rewards for hour in hours),
        sumOfImitatedRewards=sum(hour.imitated_rewards for hour in hours),
    )


def changed(
    spec: LoopSpec, kept: KeptConfiguration, sent: ServiceConfiguration, *, now: str
) -> tuple[LoopSpec, KeptConfiguration]:
    """The spec and what is kept beside it, after a configuration was sent.

    Raises:
        Misfit: the configuration cannot be; every fault is listed.
    """
    faults: list[Fault] = []
    wait_s = _seconds(sent.rewardWaitTime, "$.rewardWaitTime", faults)
    every_s = _seconds(sent.modelExportFrequency, "$.modelExportFrequency", faults)
    take = _TAKE_OF.get(sent.rewardAggregation.lower()) or (
        sent.rewardAggregation if sent.rewardAggregation == _take(spec) else None
    )
    if take is None:
        faults.append(Fault("$.rewardAggregation", f"is not known; expected one of {', '.join(_TAKE_OF)}."))
    _check_values(sent, faults)
    if faults or wait_s is None or every_s is None or take is None:
        raise Misfit(INVALID, faults)
    _check_wait(wait_s, spec)
    _check_retention(sent.logRetentionDays, wait_s, kept)
    mode = sent.learningMode or kept.learningMode
    if mode != kept.learningMode and _is_reward_changed(spec, sent, wait_s, take):
        message = "Learning mode cannot be changed together with reward settings; change one, then the other."
        raise Misfit("InvalidLearningModeServiceConfiguration", [Fault("$.learningMode", message)])
    is_kept = spec.train.every_s is None and sent.modelExportFrequency == kept.modelExportFrequency
    every = None if spec.train.cron is not None or is_kept else every_s
    return _spec_with(spec, sent, wait_s, every, take), _kept_with(kept, sent, mode, now)


def _spec_with(spec: LoopSpec, sent: ServiceConfiguration, wait_s: float, every_s: float | None, take: str) -> LoopSpec:
    """The loop's spec under the configuration; the same spec where nothing in it changes."""
    document = to_mapping(spec)
    outcome = document["outcomes"][outcome_of(spec)]
    document["reward"] |= {"window": spell_duration(wait_s), "default": sent.defaultReward}
    document["explore"]["floor"] = sent.explorationPercentage
    if outcome["take"] != take:
        outcome |= {"take": take} | ({"missing": 0.0} if take == "sum" else {})
    if every_s is not None and every_s != spec.train.every_s:
        document["train"]["every"] = _every(spec, every_s)
    return read_spec(document)


def _every(spec: LoopSpec, every_s: float) -> str:
    examples = [] if spec.train.every_examples is None else [f"{spec.train.every_examples} examples"]
    return " or ".join([*examples, spell_duration(max(every_s, 1.0))])


def _kept_with(kept: KeptConfiguration, sent: ServiceConfiguration, mode: str, now: str) -> KeptConfiguration:
    return KeptConfiguration(
        learningMode=mode,
        modelExportFrequency=sent.modelExportFrequency,
        logRetentionDays=sent.logRetentionDays,
        modelRetrainDays=kept.modelRetrainDays if sent.modelRetrainDays is UNSET else sent.modelRetrainDays,
        isAutoOptimizationEnabled=_or_kept(sent.isAutoOptimizationEnabled, kept.isAutoOptimizationEnabled),
        autoOptimizationFrequency=sent.autoOptimizationFrequency or kept.autoOptimizationFrequency,
        autoOptimizationStartDate=sent.autoOptimizationStartDate or kept.autoOptimizationStartDate,
        isInferenceExplainabilityEnabled=_or_kept(sent.isInferenceExplainabilityEnabled, kept.isInferenceExplainabilityEnabled),
        refuseUnknownEvents=_or_kept(sent.refuseUnknownEvents, kept.refuseUnknownEvents),
        watching_since=_watching_since(kept, mode, now),
        edited_at=now,
    )


def _watching_since(kept: KeptConfiguration, mode: str, now: str) -> str | None:
    """Since when there is an apprentice, or was one last."""
    return now if mode == "Apprentice" and kept.learningMode != "Apprentice" else kept.watching_since


def _or_kept(sent: bool | None, kept: bool) -> bool:
    return kept if sent is None else sent


def _check_values(sent: ServiceConfiguration, faults: list[Fault]) -> None:
    """What can be told without the loop."""
    if not -1 <= sent.defaultReward <= 1:
        faults.append(Fault("$.defaultReward", f"is {sent.defaultReward:g}; expected a number from -1 to 1."))
    if not 0 <= sent.explorationPercentage <= 1:
        faults.append(Fault("$.explorationPercentage", f"is {sent.explorationPercentage:g}; expected a number from 0 to 1."))
    if sent.logRetentionDays < -1:
        faults.append(Fault("$.logRetentionDays", f"is {sent.logRetentionDays}; expected -1 or more."))
    if sent.learningMode not in (None, *MODES):
        faults.append(Fault("$.learningMode", f"is not known; expected one of {', '.join(MODES)}."))
    if sent.logMirrorEnabled or sent.logMirrorSasUri:
        message = "is asked for; expected false: logs are not sent anywhere. Read the tables where they lie."
        faults.append(Fault("$.logMirrorEnabled", message))
    if sent.modelRetrainDays is not UNSET and sent.modelRetrainDays < 0:
        faults.append(Fault("$.modelRetrainDays", f"is {sent.modelRetrainDays}; expected 0 or more."))


def _check_wait(wait_s: float, spec: LoopSpec) -> None:
    """Between 5 seconds and two days, unless the loop has it so already."""
    if wait_s == spec.reward.window_s:
        return
    if wait_s > _MAX_WAIT_S:
        raise Misfit("InvalidRewardWaitTime", [Fault("$.rewardWaitTime", "Reward wait time should be two days or less.")])
    if wait_s < _LEAST_WAIT_S:
        raise Misfit("InvalidRewardWaitTime", [Fault("$.rewardWaitTime", "Reward wait time should be five seconds or more.")])


def _check_retention(days: int, wait_s: float, kept: KeptConfiguration) -> None:
    """For ever, or a day longer than rewards are waited for."""
    if days not in (-1, kept.logRetentionDays) and days < math.ceil(wait_s / 86_400) + 1:
        message = "Log retention should be -1, or at least a day more than the reward wait time."
        raise Misfit("InvalidLogRetentionDays", [Fault("$.logRetentionDays", message)])


def _is_reward_changed(spec: LoopSpec, sent: ServiceConfiguration, wait_s: float, take: str) -> bool:
    return (wait_s, sent.defaultReward, take) != (spec.reward.window_s, spec.reward.default, _take(spec))


def _seconds(text: str, where: str, faults: list[Fault]) -> float | None:
    try:
        return read_duration(text)
    except ValueError as error:
        faults.append(Fault(where, str(error)))
        return None


def _take(spec: LoopSpec) -> str:
    name = outcome_of(spec)
    assert name is not None, spec.loop
    return spec.outcomes[name].take
