"""The calls about evaluations: asked for, listed, looked at, deleted, taken over.

An evaluation is computed by the work process; until then its status says that it is on the way.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from policyloop.core.clock import iso
from policyloop.core.endpoint import Call, Reply
from policyloop.core.errors import Fault
from policyloop.core.rng import uuid7
from policyloop.ingest.payload import read
from policyloop.interop.personalizer.administration import beside
from policyloop.interop.personalizer.evaluation import KIND, KeptEvaluation, checked, stretch_of, times_of
from policyloop.interop.personalizer.evaluation_answers import content_of, in_newest_style, in_older_styles
from policyloop.interop.personalizer.refusals import MEDIA_TYPE, Misfit, Refused
from policyloop.interop.personalizer.server import Server
from policyloop.interop.personalizer.wire import EvaluationContract, FromEvaluation
from policyloop.registry.registry import Standing

_INTERVALS_MIN = ("5", "60", "360", "720", "1440")
_MAX_QUERY_BYTES = 4096
_MAX_ID_CHARS = 256
_encode = msgspec.json.Encoder().encode


async def create(server: Server, call: Call) -> Reply:
    """Ask for an evaluation in the older styles: the server names it."""
    evaluation_id = uuid7(server.clock.now_us())
    kept = await _asked_for(server, call, evaluation_id)
    location = f"/v1/compat/personalizer/{call.loop}/personalizer/{call.params['version']}/evaluations/{evaluation_id}"
    headers = ((b"location", _address(call) + location.encode()),)
    return Reply(201, _encode(in_older_styles(evaluation_id, kept)), MEDIA_TYPE, headers)


async def create_named(server: Server, call: Call) -> Reply:
    """Ask for an evaluation in the newest style: the client names it."""
    await _asked_for(server, call, call.params["evaluationId"])
    return Reply(200, b"", MEDIA_TYPE)


async def get_all(server: Server, call: Call) -> Reply:
    """All evaluations in the older styles."""
    found = await beside(server, call, lambda standing: server.kept.all(call.loop, KIND, KeptEvaluation))
    return Reply(200, _encode([in_older_styles(name, kept) for name, kept in found.items()]), MEDIA_TYPE)


async def get_page(server: Server, call: Call) -> Reply:
    """Evaluations in the newest style: so many, after so many."""
    asked = _query(call)
    skip, top = _number(asked.get("skip"), 0), _number(asked.get("top"), 2**31)
    kind = re.fullmatch(
        r"metadata=evaluationType eq '(\w+)'", asked.get("filterExpression", "metadata=evaluationType eq 'Manual'")
    )
    if kind is None:
        raise Refused("InvalidRequest", "filterExpression is not known; expected metadata=evaluationType eq 'Manual'.")
    found = await beside(server, call, lambda standing: server.kept.all(call.loop, KIND, KeptEvaluation))
    rows = [in_newest_style(name, kept) for name, kept in found.items()] if kind[1] == "Manual" else []
    return Reply(200, _encode({"value": rows[skip : skip + top]}), MEDIA_TYPE)


async def get(server: Server, call: Call) -> Reply:
    """One evaluation in the older styles."""
    kept = await beside(server, call, lambda standing: _found(server, call))
    return Reply(200, _encode(in_older_styles(call.params["evaluationId"], kept)), MEDIA_TYPE)


async def get_content(server: Server, call: Call) -> Reply:
    """One evaluation in the newest style, with its values between two times."""
    asked = _query(call)
    missing = [Fault(f"?{name}", "is missing; expected a time.") for name in ("startTime", "endTime") if name not in asked]
    if missing:
        raise Misfit("InvalidRequest", missing)
    start, end = times_of(asked["startTime"], asked["endTime"])
    interval = asked.get("intervalInMinutes", "5")
    if interval not in _INTERVALS_MIN:
        message = f"intervalInMinutes is '{interval[:20]}'; expected one of {', '.join(_INTERVALS_MIN)}."
        raise Refused("InvalidRequest", message)
    kept = await beside(server, call, lambda standing: _found(server, call))
    told: dict[str, Any] = in_newest_style(call.params["evaluationId"], kept)
    if kept.state == "completed":
        is_rolling = asked.get("window") == "Rolling"
        told["content"] = content_of(kept, start=start, end=end, interval_min=int(interval), is_rolling=is_rolling)
    return Reply(200, _encode(told), MEDIA_TYPE)


async def delete(server: Server, call: Call) -> Reply:
    """Let go of an evaluation."""

    def deleted(standing: Standing) -> None:
        _found(server, call)
        server.kept.remove(call.loop, KIND, call.params["evaluationId"])

    await beside(server, call, deleted)
    return Reply(204, b"")


async def take_over(server: Server, call: Call) -> Reply:
    """Take over a policy of an evaluation: what decides already stays, and the others are no learning settings."""
    sent = read(call.body, FromEvaluation)

    def taken_over(standing: Standing) -> None:
        kept = server.kept.find(call.loop, KIND, sent.evaluationId, KeptEvaluation)
        if kept is None:
            raise _unknown(call.loop, sent.evaluationId)
        if sent.policyName not in [result.name for result in kept.results if result.source == "Online"]:
            message = (
                f"policyName is '{sent.policyName[:80]}'; expected Online. The other policies of an evaluation always do the "
                f"same: to let one decide, name it as the loop's `baseline` and reset the model."
            )
            raise Misfit("InvalidPolicyConfiguration", [Fault("$.policyName", message)])

    await beside(server, call, taken_over)
    return Reply(204, b"")


async def no_importances(server: Server, call: Call) -> Reply:
    """The list of feature importances, which is empty."""
    await beside(server, call, lambda standing: None)
    return Reply(200, _encode({"value": []}), MEDIA_TYPE)


async def unknown_importance(server: Server, call: Call) -> Reply:
    """There is no feature importance of any name."""
    await beside(server, call, lambda standing: None)
    raise Refused("FeatureImportanceNotFound", f"there is no feature importance '{call.params['id'][:80]}'.", status=404)


async def refuse_importance(server: Server, call: Call) -> Reply:
    """Refuse to compute a feature importance here."""
    await beside(server, call, lambda standing: None)
    message = "Feature importances are not computed at the endpoint; `policyloop explain ID` tells them for one decision."
    raise Refused("InvalidRequest", message)


async def _asked_for(server: Server, call: Call, evaluation_id: str) -> KeptEvaluation:
    """Check what is asked, keep it, and have it computed."""
    contract = read(call.body, EvaluationContract)
    start, end = checked(contract)
    if not 1 <= len(evaluation_id) <= _MAX_ID_CHARS:
        raise Misfit("InvalidEvaluationContract", [Fault("evaluationId", f"has over {_MAX_ID_CHARS} characters.")])

    def asked(standing: Standing) -> KeptEvaluation:
        if server.kept.find(call.loop, KIND, evaluation_id, KeptEvaluation) is not None:
            raise Refused("EvaluationAlreadyExists", f"there is an evaluation '{evaluation_id[:80]}' already.")
        dates = server.upkeep.log_dates(call.loop)
        if dates is None or dates[1] < start or dates[0] >= end:
            raise Misfit("NoLogsExistInDateRange", [Fault("$.startTime", "No logs exist in that range of time.")])
        kept = KeptEvaluation(
            contract=contract,
            created_at=iso(server.clock.now_us()),
            state="pending",
            job=evaluation_id,
            stretch_s=stretch_of(start, end),
        )
        server.kept.put(call.loop, KIND, evaluation_id, kept)
        server.upkeep.evaluate(call.loop)
        return kept

    return await beside(server, call, asked)


def _found(server: Server, call: Call) -> KeptEvaluation:
    name = call.params["evaluationId"]
    kept = server.kept.find(call.loop, KIND, name, KeptEvaluation)
    if kept is None:
        raise _unknown(call.loop, name)
    return kept


def _unknown(loop: str, name: str) -> Refused:
    return Refused("EvaluationNotFound", f"loop '{loop}' has no evaluation '{name[:80]}'.", status=404)


def _query(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.query[:_MAX_QUERY_BYTES].decode("latin-1")))


def _number(text: str | None, usual: int) -> int:
    return int(text) if text is not None and text.isdigit() and len(text) < 10 else usual


def _address(call: Call) -> bytes:
    return b"http://" + call.headers.get(b"host", b"localhost")
