"""What crosses the wire at the endpoint: requests and answers with the service's own keys.

Question answered: which keys may a client send, and which come back? Keys that are not known are ignored, as the service
did. Times are RFC 3339 in UTC, durations ISO 8601. The keys are the protocol's, so they are not spelled the house's way.
"""

# ruff: noqa: N815
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class RankableAction(msgspec.Struct, frozen=True):
    """One action that may be ranked."""

    id: str
    features: list[Any]  # objects


class RankRequest(msgspec.Struct, frozen=True):
    """Ask which action to take."""

    actions: Raw  # a list of actions, read apart: equal lists are recognised by their bytes
    contextFeatures: list[Any] | None = None  # objects
    excludedActions: list[str] | None = None
    eventId: str | None = None
    deferActivation: bool | None = None


class RankBody(msgspec.Struct, frozen=True):
    """`RankRequest` as the documents show it."""

    actions: list[RankableAction]
    contextFeatures: list[dict[str, Any]] | None = None
    excludedActions: list[str] | None = None
    eventId: str | None = None
    deferActivation: bool | None = None


class RankedAction(msgspec.Struct, frozen=True, gc=False):
    """An action with the probability that it had."""

    id: str
    probability: float


class RankAnswer(msgspec.Struct, frozen=True):
    """What to do, and how likely each action was."""

    ranking: list[RankedAction]
    eventId: str
    rewardActionId: str


class RewardRequest(msgspec.Struct, frozen=True):
    """What an event was worth."""

    value: float


class MultiSlotBody(msgspec.Struct, frozen=True):
    """A request for several slots, which is not looked at."""


class DateRange(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """From the first to the last event."""

    from_: str
    to: str


class LogProperties(msgspec.Struct, frozen=True):
    """Of which time there are events."""

    dateRange: DateRange


class ModelProperties(msgspec.Struct, frozen=True, omit_defaults=True):
    """When the live model was made, and when it went live; nothing while there is none."""

    creationTime: str | None = None
    lastModifiedTime: str | None = None


class PolicyContract(msgspec.Struct, frozen=True):
    """Learning settings: a name and arguments."""

    name: str
    arguments: str


class BatchMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """How often an apprentice would have done what was done, and what was earned."""

    numberOfEvents: int
    numberOfImitatedEvents: int
    sumOfRewards: float
    sumOfImitatedRewards: float


class ApprenticeModeMetrics(BatchMetrics, frozen=True, kw_only=True, omit_defaults=True):
    """The same since it began to watch, and of the last hour in which it did."""

    startTime: str
    lastProcessedEventTime: str
    lastBatchMetrics: BatchMetrics


class ServiceConfiguration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the endpoint learns and decides."""

    rewardWaitTime: str
    defaultReward: float
    rewardAggregation: str
    explorationPercentage: float
    modelExportFrequency: str
    logRetentionDays: int
    modelRetrainDays: int | UnsetType = UNSET  # in the newest style alone
    learningMode: str | None = None
    lastConfigurationEditDate: str | None = None
    isAutoOptimizationEnabled: bool | None = None
    autoOptimizationFrequency: str | None = None
    autoOptimizationStartDate: str | None = None
    isInferenceExplainabilityEnabled: bool | None = None
    logMirrorEnabled: bool | None = None
    logMirrorSasUri: str | None = None
    latestApprenticeModeMetrics: ApprenticeModeMetrics | None = None  # in the newest style alone
    refuseUnknownEvents: bool | None = None  # a key of ours: rewards and activations of events that nobody knows get 404


class EvaluationContract(msgspec.Struct, frozen=True, kw_only=True):
    """Ask what policies would have earned."""

    name: str
    startTime: str
    endTime: str
    policies: list[PolicyContract] | None = None
    enableOfflineExperimentation: bool | None = None
    enablePolicyOptimization: bool | None = None


class FromEvaluation(msgspec.Struct, frozen=True):
    """Take over a policy of an evaluation."""

    evaluationId: str
    policyName: str
