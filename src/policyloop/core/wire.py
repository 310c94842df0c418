"""What crosses the wire: the requests and answers of decide, outcomes, activate and track, as JSON.

Question answered: which keys may a caller send, and which come back? An unknown key is an error, never ignored.
Times are RFC 3339 texts in UTC with microseconds, such as `2026-11-01T07:30:00.000000Z`. Of duplicate keys in one
JSON object the last counts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from policyloop.core.errors import Invalid, PolicyloopError

MAX_ID_CHARS = 256
PROBLEM_TYPE = "urn:policyloop:error:"

Step = Annotated[int, Meta(ge=0, le=2**53)]
Values = dict[str, float | str] | list[float | str]  # of an action that is numbers: by name, or labels first, then numbers
PropensityKind = Literal["probability", "density", "mixed", "point", "estimated", "unknown"]
ActionSource = Literal["policy", "expert", "random", "human", "hold_out"]


class CandidateAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action that the caller brings along; for loops whose actions are `candidates`."""

    id: str  # 1-256 characters, no control characters, each once in a request
    features: dict[str, Any] | None = None  # as the loop declares them; any JSON object where it declares none


class DecideRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Ask for one decision."""

    context: dict[str, Any]
    decision_id: str | None = None  # 1-256 characters, no control characters; None: the server makes a UUIDv7
    mask: list[bool] | None = None  # one entry per action in the offered order; true: may be taken
    exclude: list[str] | None = None  # labels or ids that may not be taken; mask or exclude, not both
    actions: list[CandidateAction] | None = None  # for loops whose actions are `candidates`; this or action_set
    action_set: str | None = None  # the name of a set that was registered ahead
    n: int | None = None  # length of the ranking that comes back, of at most all that may be taken; for `candidates`
    explore: bool = True  # false: the most probable action, logged as a point with probability 1
    defer: bool = False  # true: counts only once it is activated
    occurred_at: str | None = None
    episode_id: str | None = None  # which episode the decision belongs to; needed where the loop has episodes
    step: Step | None = None  # its place in it, from 0, rising; None: one more than the last one that this process saw
    previous: Values | None = None  # what was done at the step before; None: what this process answered then
    subject: str | None = None  # the person or unit; kept as a keyed hash


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What a challenger would do, for a person who acts."""

    model: str  # digest
    action: str  # label or id; of actions that are numbers `values` as JSON
    values: dict[str, float | str] | UnsetType = UNSET  # by part, of actions that are numbers
    action_value_estimate: float | UnsetType = UNSET  # of numbers: the return that it expects of them, at the least


class DecideAnswer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided, and with which probability."""

    decision_id: str
    decided_at: str  # echo it with the outcomes
    action: str  # the label, or the candidate's id; of actions that are numbers `values` as JSON
    index: int  # its place among those offered; 0 of actions that are numbers
    propensity: float  # probability that it had, in (0, 1]; of actions that are numbers a density, above 0
    policy: str  # model digest, or `baseline`
    fallback: bool  # the baseline decided because no model could
    logged: bool  # false only where `on_log_failure: serve-baseline` was asked for and the log cannot be written
    deferred: bool
    split: float  # [0, 1)
    ranking: list[str] | UnsetType = UNSET  # where n was asked for: ids in their order; the first is the decision
    # with `?pmf=true`: a probability per action, 0 where not allowed; of labelled parts, lists by name
    pmf: list[float] | dict[str, list[float]] | UnsetType = UNSET
    step: int | UnsetType = UNSET  # of loops with episodes: the place of the decision in its episode
    values: dict[str, float | str] | UnsetType = UNSET  # what to do, by part, of actions that are numbers
    # of actions that are numbers: `density`, `mixed` (a point with a mass, anything else by chance) or `point`
    propensity_kind: PropensityKind | UnsetType = UNSET
    action_value_estimate: float | UnsetType = UNSET  # the return that the model expects of this very action, at the least
    density: dict[str, Any] | UnsetType = UNSET  # with `?pmf=true`: what the numbers were drawn from
    advice: Advice | UnsetType = UNSET  # while a challenge of a loop with episodes is in the state ADVISORY


class RegisterActionsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Candidates that will be offered together, so that later requests need only name the set."""

    actions: list[CandidateAction]


class RegisterActionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The set's name, which is made of its content: registering it again gives the same."""

    action_set: str
    n: int  # how many candidates


class OutcomeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Report what came of a decision."""

    decision_id: str
    outcomes: dict[str, Any]  # name -> number or boolean
    outcome_id: str | None = None  # send one, so that a retry counts once; None: the server makes a UUIDv7
    occurred_at: str | None = None
    decided_at: str | None = None  # what decide answered; stored, never trusted
    final: bool = False  # nothing more will come for this decision
    terminated: bool | None = None  # the episode ended by itself
    truncated: bool | None = None  # the episode was cut off
    next_context: dict[str, Any] | None = None
    # label or index of what was carried out, where that is not what was chosen; the values of an action that is numbers
    executed: str | int | Values | None = None


class OutcomesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many reports were taken; a duplicate is one that was taken before."""

    accepted: int
    duplicates: int
    warnings: list[str]


class ActivateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say that a deferred decision took effect; saying it again changes nothing."""

    decision_id: str
    occurred_at: str | None = None
    decided_at: str | None = None


class TrackedDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="decision", tag_field="type"):
    """A decision that another system made: what was offered, what was taken, with which probability."""

    loop: str
    context: dict[str, Any]
    action: str | int | None = None  # label or id, or its place among those offered; not of actions that are numbers
    values: Values | None = None  # what was done, of actions that are numbers
    decision_id: str | None = None
    propensity: float | None = None  # (0, 1]; None: the pmf's entry. Of actions that are numbers a density, above 0
    density: dict[str, Any] | None = None  # what the numbers were drawn from, as a decision logs it; it has the propensity
    actions: list[CandidateAction] | None = None  # what was offered, for loops whose actions are `candidates`
    pmf: list[float] | dict[str, float] | None = None  # in the offered order, or label or id -> probability
    # `point`: taken for sure; `estimated` and `unknown` need no pmf; none of these is evidence. Of actions that are numbers
    # `density`, or `mixed`: sometimes one value for sure, whose propensity is a mass, and otherwise any, by a density
    propensity_kind: PropensityKind = "probability"
    policy: str | None = None  # the name of the other system's policy; stored as `imported:NAME`
    action_source: ActionSource | None = None
    fallback: bool = False  # a safe policy stood in for the one that should have decided: learned from, and no evidence
    mask: list[bool] | None = None
    exclude: list[str] | None = None
    defer: bool = False
    occurred_at: str | None = None
    decided_at: str | None = None  # taken as occurred_at where that is missing
    episode_id: str | None = None
    step: Step | None = None
    subject: str | None = None


class TrackedOutcome(OutcomeRequest, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="outcome", tag_field="type"):
    """An outcome report as a row of track."""

    loop: str


class TrackedActivation(
    ActivateRequest, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="activation", tag_field="type"
):
    """An activation as a row of track."""

    loop: str


TrackedRow = TrackedDecision | TrackedOutcome | TrackedActivation


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str  # stable; the same in HTTP, CLI, console and SDK
    where: str | None = None  # `$.context.hour`
    help: str | None = None
    errors: list[ProblemPart] = []


class ProblemPart(msgspec.Struct, frozen=True, kw_only=True):
    """One of several faults in one input."""

    where: str
    message: str
    code: str


class TrackResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one row: `accepted` is durable, `duplicate` was durable before, `refused` says why."""

    status: Literal["accepted", "duplicate", "refused"]
    id: str | None = None  # decision_id, or outcome_id
    error: Problem | None = None
    warnings: list[str] = []


class TrackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A result per row, in order."""

    results: list[TrackResult]


def problem_of(error: PolicyloopError) -> Problem:
    """The error as it goes over the wire; every fault of an `Invalid` is listed."""
    parts = []
    if isinstance(error, Invalid):
        parts = [ProblemPart(where=fault.where, message=fault.message, code=fault.code) for fault in error.faults]
    return Problem(
        type=PROBLEM_TYPE + error.code,
        title=error.code.replace("_", " "),
        status=error.status,
        detail=error.message,
        code=error.code,
        where=error.where,
        help=error.help,
        errors=parts,
    )
