"""The endpoint of Azure AI Personalizer, which was switched off in 2026: its clients work on unchanged, against a loop.

Question answered: what does a client of that service call, and which loop answers? Its `Endpoint` is
http://HOST:PORT/v1/compat/personalizer/LOOP, and below that come the paths of its three API styles: v1.0, v1.1-preview.1 to
.3, and 2022-09-01-preview. Rank, reward and activate are decide, outcome and activate; the rest is the loop's administration.
Source: the service's published specification, and what its clients send. Keys are not looked at until there are keys.
"""

from __future__ import annotations

from typing import Any

from policyloop.interop.personalizer import administration, evaluations, events, loop_file
from policyloop.interop.personalizer.line import Line, rows
from policyloop.interop.personalizer.wire import (
    EvaluationContract,
    FromEvaluation,
    LogProperties,
    ModelProperties,
    MultiSlotBody,
    PolicyContract,
    RankAnswer,
    RankBody,
    RewardRequest,
    ServiceConfiguration,
)

LOOP = loop_file.LOOP  # what `policyloop init NAME --like personalizer` writes
BELOW = "/v1/compat/personalizer/{loop}/personalizer"
_MAX_MODEL_BYTES = 15 * 2**20


_EVENTS = (
    Line(
        method="POST",
        path="/rank",
        handler=events.rank,
        scope="decide",
        summary="Rank actions, and say which one to take.",
        request=RankBody,
        answer=RankAnswer,
        status=201,
        invalid="InvalidRankRequest",
    ),
    Line(
        method="POST",
        path="/events/{eventId}/reward",
        handler=events.reward,
        scope="report",
        summary="Report what an event was worth.",
        request=RewardRequest,
        status=204,
        invalid="InvalidRewardRequest",
    ),
    Line(
        method="POST",
        path="/events/{eventId}/activate",
        handler=events.activate,
        scope="report",
        summary="Let a deferred event count.",
        status=204,
        content_types=(),
        invalid="InvalidEventIdToActivate",
    ),
    Line(
        method="POST",
        path="/multislot/rank",
        handler=events.multi_slot,
        scope="decide",
        summary="Refused: one slot at a time.",
        request=MultiSlotBody,
        status=201,
    ),
    Line(
        method="POST",
        path="/multislot/events/{eventId}/reward",
        handler=events.multi_slot,
        scope="report",
        summary="Refused: one slot at a time.",
        request=MultiSlotBody,
        status=204,
    ),
    Line(
        method="POST",
        path="/multislot/events/{eventId}/activate",
        handler=events.multi_slot,
        scope="report",
        summary="Refused: one slot at a time.",
        status=204,
        content_types=(),
    ),
)

_ADMINISTRATION = (
    Line(
        method="GET",
        path="/configurations/service",
        handler=administration.get_service,
        scope="read",
        summary="The service configuration.",
        answer=ServiceConfiguration,
    ),
    Line(
        method="PUT",
        path="/configurations/service",
        handler=administration.put_service,
        scope="operate",
        summary="Change the service configuration, and with it the loop's spec.",
        request=ServiceConfiguration,
        answer=ServiceConfiguration,
        invalid="InvalidServiceConfiguration",
    ),
    Line(
        method="GET",
        path="/configurations/policy",
        handler=administration.get_policy,
        scope="read",
        summary="The learning settings that are kept.",
        answer=PolicyContract,
    ),
    Line(
        method="PUT",
        path="/configurations/policy",
        handler=administration.put_policy,
        scope="operate",
        summary="Keep learning settings. The loop's own learner learns, whatever they say.",
        request=PolicyContract,
        answer=PolicyContract,
        invalid="InvalidPolicyContract",
    ),
    Line(
        method="DELETE",
        path="/configurations/policy",
        handler=administration.reset_policy,
        scope="operate",
        summary="Back to the default learning settings.",
        answer=PolicyContract,
        content_types=(),
    ),
    Line(
        method="POST",
        path="/configurations/applyFromEvaluation",
        handler=evaluations.take_over,
        scope="operate",
        summary="Take over a policy of an evaluation: the one that decides already.",
        request=FromEvaluation,
        status=204,
    ),
    Line(
        method="GET",
        path="/model",
        handler=administration.get_model,
        scope="read",
        summary="The live model as one file.",
        answer=bytes,
        media_type=administration.OCTETS,
    ),
    Line(
        method="PUT",
        path="/model",
        handler=administration.put_model,
        scope="operate",
        summary="Bring an exported model, and let it decide.",
        request=bytes,
        status=204,
        content_types=(administration.OCTETS,),
        max_body_bytes=_MAX_MODEL_BYTES,
    ),
    Line(
        method="DELETE",
        path="/model",
        handler=administration.reset_model,
        scope="operate",
        summary="Let the baseline decide until a new model goes live.",
        status=204,
        content_types=(),
    ),
    Line(
        method="GET",
        path="/model/properties",
        handler=administration.get_model_properties,
        scope="read",
        summary="When the live model was made, and since when it decides.",
        answer=ModelProperties,
    ),
    Line(
        method="GET",
        path="/logs/properties",
        handler=administration.get_log_properties,
        scope="read",
        summary="Of which time there are events in the tables.",
        answer=LogProperties,
    ),
    Line(
        method="DELETE",
        path="/logs",
        handler=administration.delete_logs,
        scope="operate",
        summary="Have everything taken out that was received so far: events and examples.",
        status=204,
        content_types=(),
    ),
)

_OLDER = (
    Line(
        method="POST",
        path="/logs/interactions",
        handler=events.local_log,
        scope="report",
        summary="Refused: events of local inference.",
        status=204,
        content_types=(),
    ),
    Line(
        method="POST",
        path="/logs/observations",
        handler=events.local_log,
        scope="report",
        summary="Refused: events of local inference.",
        status=204,
        content_types=(),
    ),
    Line(
        method="GET",
        path="/evaluations",
        handler=evaluations.get_all,
        scope="read",
        summary="All evaluations.",
        answer=list[dict[str, Any]],
    ),
    Line(
        method="POST",
        path="/evaluations",
        handler=evaluations.create,
        scope="operate",
        summary="Ask what policies would have earned.",
        request=EvaluationContract,
        answer=dict[str, Any],
        status=201,
        invalid="InvalidEvaluationContract",
    ),
    Line(
        method="GET",
        path="/evaluations/{evaluationId}",
        handler=evaluations.get,
        scope="read",
        summary="One evaluation.",
        answer=dict[str, Any],
    ),
    Line(
        method="DELETE",
        path="/evaluations/{evaluationId}",
        handler=evaluations.delete,
        scope="operate",
        summary="Let go of an evaluation.",
        status=204,
        content_types=(),
    ),
)

_NEWEST = (
    Line(
        method="GET",
        path="/evaluations",
        handler=evaluations.get_page,
        scope="read",
        summary="Evaluations, some at a time.",
        answer=dict[str, Any],
    ),
    Line(
        method="PUT",
        path="/evaluations/{evaluationId}",
        handler=evaluations.create_named,
        scope="operate",
        summary="Ask what policies would have earned.",
        request=EvaluationContract,
        invalid="InvalidEvaluationContract",
    ),
    Line(
        method="GET",
        path="/evaluations/{evaluationId}",
        handler=evaluations.get_content,
        scope="read",
        summary="One evaluation, with its values between two times.",
        answer=dict[str, Any],
    ),
    Line(
        method="DELETE",
        path="/evaluations/{evaluationId}",
        handler=evaluations.delete,
        scope="operate",
        summary="Let go of an evaluation.",
        status=204,
        content_types=(),
    ),
    Line(
        method="GET",
        path="/featureImportances",
        handler=evaluations.no_importances,
        scope="read",
        summary="An empty list: `policyloop explain` tells what features are worth.",
        answer=dict[str, Any],
    ),
    Line(
        method="GET",
        path="/featureImportances/{id}",
        handler=evaluations.unknown_importance,
        scope="read",
        summary="There is none.",
        answer=dict[str, Any],
    ),
    Line(
        method="PUT",
        path="/featureImportances/{id}",
        handler=evaluations.refuse_importance,
        scope="operate",
        summary="Refused: `policyloop explain` tells what features are worth.",
        content_types=(),
    ),
    Line(
        method="DELETE",
        path="/featureImportances/{id}",
        handler=evaluations.unknown_importance,
        scope="operate",
        summary="There is none.",
        status=204,
        content_types=(),
    ),
)

ENDPOINTS = (
    *rows(f"{BELOW}/{{version}}", [*_EVENTS, *_ADMINISTRATION, *_OLDER]),
    *rows(BELOW, [*_EVENTS, *_ADMINISTRATION, *_NEWEST]),
    # The JavaScript client of v1.0 drops the path of its Endpoint, so that it can be given an address alone.
    *rows("/personalizer/{version}", _EVENTS),
)
