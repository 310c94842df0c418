"""What can go wrong through a user's doing, each with what happened, what was expected and what to do.

`code` is stable: HTTP, CLI, console and SDK all show it. `status` is the HTTP status that carries it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

_MAX_NAME_CHARS = 120  # of what may be a name mistyped
_MAX_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where it is, and a sentence that says what and what was expected."""

    where: str  # a JSON path such as `$.context.hour`, or a place in a file
    message: str
    code: str = "invalid"


class PolicyloopError(Exception):
    """Anything that Policyloop says no to."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, where: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.help = help


class Invalid(PolicyloopError, ValueError):
    """The input does not fit; every fault in it is listed."""

    code = "invalid"

    def __init__(self, faults: Sequence[Fault], *, subject: str = "the input", way_out: str = "") -> None:
        """Args:
        faults: all of them.
        subject: what has them, where there are several.
        way_out: a last line, of what would mend them together.
        """
        assert faults, "an Invalid without a fault"
        self.faults = tuple(faults)
        first = self.faults[0]
        if len(self.faults) == 1:
            message = f"{first.where}: {first.message}"
        else:
            listed = "\n".join(f"  {f.where}: {f.message}" for f in self.faults)
            message = f"{len(self.faults)} faults in {subject}:\n{listed}"
        super().__init__(f"{message}\n{way_out}" if way_out else message, where=first.where)


class UnknownName(PolicyloopError, LookupError):
    """No such thing; the nearest name is suggested."""

    code = "unknown_name"
    status = 404

    def __init__(self, kind: str, name: str, known: Iterable[str], *, help: str | None = None) -> None:
        super().__init__(unknown(kind, name, known), help=help)


class UnknownLoop(UnknownName):
    """No loop has that name."""

    code = "unknown_loop"

    def __init__(self, name: str, known: Iterable[str], *, help: str | None = None) -> None:
        super().__init__("loop", name, known, help=help)


class UnknownModel(PolicyloopError, LookupError):
    """No model has that id in that loop."""

    code = "unknown_model"
    status = 404

    def __init__(self, loop: str, model: str) -> None:
        super().__init__(f"loop '{loop}' has no model {_quoted(model)}; `policyloop models {loop}` lists them.")


class UnknownDecision(PolicyloopError, LookupError):
    """No decision with that id can be found."""

    code = "unknown_decision"
    status = 404

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            f"no decision has the id {_quoted(decision_id)}, in the tables or in the log; expected the decision_id "
            f"that decide answered, or the one you sent."
        )


class MissingLibrary(PolicyloopError, ImportError):
    """A plug-in needs an optional library that is not installed."""

    code = "missing_library"

    def __init__(self, plugin: str, library: str, extra: str) -> None:
        super().__init__(
            f"{plugin} needs the library '{library}', which is not installed; run: pip install 'policyloop[{extra}]'"
        )


class BadSetting(PolicyloopError, ValueError):
    """A setting is outside its range."""

    code = "bad_setting"


class BadPropensity(PolicyloopError, ValueError):
    """A logged propensity is not a probability."""

    code = "bad_propensity"

    def __init__(self, row: int, value: float) -> None:
        super().__init__(
            f"propensity[{row}] is {value}; expected a probability in (0, 1]. "
            f"Log the chance the action really had, or leave the row out."
        )


class NoOverlap(PolicyloopError):
    """What was logged says nothing about what a policy would do."""

    code = "no_overlap"
    status = 409


class BadModel(PolicyloopError, ValueError):
    """A model's files do not fit together, or it fails a hard check."""

    code = "bad_model"


class NoModel(PolicyloopError):
    """No model could be had from where it should come from."""

    code = "no_model"
    status = 503


class OtherVersion(PolicyloopError, ValueError):
    """Something on disk was written by another version, in a format that this one does not read."""

    code = "other_version"
    status = 409

    def __init__(self, what: str, *, written: int, read: int, by: str) -> None:
        super().__init__(
            f"{what} was written in format {written}, by Policyloop {by}; this version reads format {read}. Nothing in it was "
            f"changed: deliver it with the version that wrote it, or name another folder."
        )


class BadExpression(PolicyloopError, ValueError):
    """A reward expression that cannot be read, or that could divide by zero; `column` counts from 1."""

    code = "bad_expression"

    def __init__(self, text: str, column: int, reason: str) -> None:
        shown = text if len(text) <= 120 else text[:117] + "..."
        end = "" if reason.endswith((".", "?")) else "."
        super().__init__(f"column {column} of '{shown}': {reason}{end}")
        self.column = column
        self.reason = reason
        self.also: tuple[BadExpression, ...] = ()  # what else is wrong with the same text


class DecisionConflict(PolicyloopError):
    """The same decision id was sent with another context."""

    code = "decision_conflict"
    status = 409

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            f"decision_id '{decision_id}' was already decided with another context; expected a new id for a new decision. "
            f"Send the same context to get the same answer, or leave decision_id out.",
            where="$.decision_id",
        )


class NoNetwork(PolicyloopError):
    """What only a network can tell was asked of a loop where none decides."""

    code = "no_network"
    status = 409

    def __init__(self, loop: str, deciding: str) -> None:
        super().__init__(
            f"in loop '{loop}' {deciding} decides; expected a champion that is a network, which a learner of episodes such as "
            f"cql makes. Ask decide instead, or promote one."
        )


class LogUnavailable(PolicyloopError):
    """The log cannot be written, so nothing can be promised."""

    code = "log_unavailable"
    status = 503

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the log cannot be written: {reason}. Nothing was acknowledged; send the same request again later.",
            help="Free disk space or mend the disk; the server takes up writing by itself.",
        )


class CorruptLog(PolicyloopError):
    """Bytes that were durable do not match their checksum."""

    code = "corrupt_log"
    status = 500


class SpecRefused(PolicyloopError):
    """A change of a loop's spec that cannot be made in place; the message names the way out."""

    code = "spec_refused"
    status = 409


class PromotionRefused(PolicyloopError):
    """A model that cannot go live, or a champion that cannot be rolled back, as things stand now."""

    code = "promotion_refused"
    status = 409


class ChallengeRefused(PolicyloopError):
    """The challenge cannot begin, or be moved, as things stand."""

    code = "challenge_refused"
    status = 409


class RecordsTooNew(PolicyloopError):
    """The records database was made by a newer version."""

    code = "records_too_new"
    status = 500

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the records database has schema '{revision}', which this version does not know; expected an older one. "
            f"Run the version that made it, or restore a backup from before."
        )


class NothingToDo(PolicyloopError):
    """A command asks for something that has no data or no state to work on yet."""

    code = "nothing_to_do"
    status = 409


class TrainingFailed(PolicyloopError):
    """The worker tried to train, and could not."""

    code = "training_failed"
    status = 500

    def __init__(self, loop: str, why: str) -> None:
        super().__init__(
            f"the worker's training of loop '{loop}' failed: {why.rstrip('.')}. It is tried again as often as `train.retries` "
            f"says; `policyloop status {loop}` shows how it goes."
        )


class Diverged(PolicyloopError):
    """A learner of episodes ran away: what it expects is no longer a finite number."""

    code = "diverged"

    def __init__(self, name: str, value: float, start: int, stop: int) -> None:
        when = f"after update {stop}" if start == stop else f"between updates {start} and {stop}"
        super().__init__(
            f"'{name}' is {value} {when}; expected a finite number: the learner has diverged. Lower `learner.learning_rate` "
            f"or the discount, set `layer_norm: true`, or look for rewards out of all proportion in the history."
        )


class EnvironmentFailed(PolicyloopError):
    """An environment of somebody else's raised, or answered something else than it should."""

    code = "environment_failed"

    def __init__(self, message: str, *, row: int = 0) -> None:
        """Args:
        row: the place of the episode among those that are played side by side.
        """
        super().__init__(message)
        self.row = row


class OutsideFailed(PolicyloopError):
    """A learner that is a program of somebody else was not run, failed, or left something else than a model."""

    code = "outside_failed"


class QueryRefused(PolicyloopError, ValueError):
    """A query asks for more than to read the tables."""

    code = "query_refused"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}; expected one SELECT over decisions, outcomes, examples, transitions, episodes, models and verdicts. "
            f"A query reads: it opens no files, changes nothing, and sets nothing."
        )


class QueryFailed(PolicyloopError, ValueError):
    """A query cannot be carried out as it is written, or takes more time or memory than it may."""

    code = "query_failed"


class NotDelivered(PolicyloopError):
    """A webhook reached nobody, or a place that it must not go to."""

    code = "not_delivered"
    status = 502


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest in spelling, or None when nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """`no explorer is named 'linub'; did you mean 'linucb'?`, or the list of known names; what is no name is cut short."""
    if len(name) > _MAX_NAME_CHARS or not name.isprintable():  # no search for the nearest: it takes time in the length
        return f"no {kind} is named {_quoted(name)}."
    names = sorted(known)
    match = nearest(name, names)
    if match:
        return f"no {kind} is named '{name}'; did you mean '{match}'?"
    listed = ", ".join(names) if names else "none yet"
    return f"no {kind} is named '{name}'; known: {listed}."


def _quoted(name: str) -> str:
    """What someone sent as a name, in quotes; escaped where it is not printable, and cut where it is too long for a name."""
    cut = name if len(name) <= _MAX_NAME_CHARS else name[:_MAX_SHOWN_CHARS]
    return (f"'{cut}'" if cut.isprintable() else ascii(cut)) + ("" if cut == name else "...")
