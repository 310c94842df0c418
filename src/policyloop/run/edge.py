"""The decider at the edge: decides inside your own program, from a model file, with the code that the server decides with.

Question answered: what to do now, without asking a server, and how does the loop learn of it? What was decided is safe
before the answer goes out: in a log of its own, or in a spool that is delivered over HTTP. Newer models are fetched in the
background; while none can be had, the last good one goes on.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from policyloop.client.answers import Answer, Receipt
from policyloop.client.calls import as_sent, ending
from policyloop.core import model_file
from policyloop.core.clock import Clock, SystemClock
from policyloop.core.errors import BadModel, BadSetting, LogUnavailable
from policyloop.core.rng import new_salt
from policyloop.core.wire import ActivateRequest, DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import activation, outcome
from policyloop.run.edges import arguments
from policyloop.run.edges.download import model_url
from policyloop.run.edges.folder import open_folder
from policyloop.run.edges.keepers import Keeper, LogKeeper, MemoryKeeper, SpoolKeeper
from policyloop.run.edges.live_model import LiveModel
from policyloop.run.edges.newest import Newest
from policyloop.run.edges.polling import DELIVERY_TIMEOUT_S, Delivering, Polling

POLL_S = 30.0
SPOOL_BYTES = 64 * 2**20
_SHORTEST_POLL_S = 0.1

Mode = Literal["durable", "fast"]
Where = str | os.PathLike[str]


class Decider:
    """Decides for one loop, in this process. Made by `from_path` or `from_url`; threads may share it; close it at the end."""

    def __init__(
        self, live: LiveModel, keeper: Keeper, *, clock: Clock, newest: Newest | None, poll_s: float, seed: int
    ) -> None:
        """For `from_path` and `from_url`."""
        self._live = live
        self._keeper = keeper
        self._clock = clock
        self._newest = newest
        rng = random.Random(seed)  # noqa: S311 - spreads looks and tries over time, nothing else
        is_over = newest is None or newest.is_final
        self._polling = None if is_over else Polling(self.look, every_s=poll_s, rng=rng, clock=clock)
        self._delivering = None if newest is None else Delivering(self.flush, rng=rng)
        if self._delivering is not None:
            self._delivering.wake()  # an earlier run may have left something

    @classmethod
    def from_path(cls, model: Where, *, log: Where | None = None, mode: Mode = "durable", clock: Clock | None = None) -> Self:
        """A decider on a model file that is at hand. It needs no network.

        Args:
            model: the file, as it was downloaded.
            log: folder of its own for what it decides, which `policyloop ship` brings home. Processes may share it.
            mode: `durable`: an answer comes when the decision is on the disk. `fast` comes earlier: with a log up to 50 ms of
                decisions may be lost in a crash; without one nothing is kept, and that has to be asked for so.
            clock: for tests.

        Raises:
            BadModel: the file is damaged, is of another version, or its model cannot decide.
            BadSetting: neither `log` nor `mode="fast"`, or the folder cannot be used.
            OtherVersion: the folder was written in another format.
        """
        time = clock or SystemClock()
        file = model_file.unpack(_bytes_of(Path(model)))
        if log is None:
            _check_memory_is_meant(mode, "log")
            keeper: Keeper = MemoryKeeper(None)
            salt = new_salt()
        else:
            folder = open_folder(Path(log), holds="log")
            keeper, salt = LogKeeper(folder.path, clock=time, mode=mode), folder.salt
        try:
            live = LiveModel(file, salt=salt, clock=time, append=keeper.append)
            live.look()  # raises when the model was refused
        except BadModel:
            keeper.close()
            raise
        return cls(live, keeper, clock=time, newest=None, poll_s=POLL_S, seed=0)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        spool: Where | None = None,
        mode: Mode = "durable",
        poll_s: float = POLL_S,
        spool_bytes: int = SPOOL_BYTES,
        clock: Clock | None = None,
    ) -> Self:
        """A decider on the model of an address, which is looked at again at least every `poll_s` seconds.

        It starts with the model that the spool kept while the server is away.

        Args:
            url: such as `http://127.0.0.1:8900/v1/loops/front-page/models/latest`, or a model's id in place of `latest`.
            spool: folder of its own where decisions and outcomes wait, fsynced, until the server has taken them.
            mode: `durable`, or `fast` without a spool: then they wait in memory, at most 10,000 of them.
            poll_s: seconds, 0.1 or more.
            spool_bytes: the most that the spool may hold; beyond it nothing is decided.
            clock: for tests.

        Raises:
            NoModel: the server is away or has no such model, and the spool kept none.
            BadModel: what came is damaged or of another version, and the spool kept none.
            BadSetting: an argument is out of range, or neither `spool` nor `mode="fast"`.
            OtherVersion: the spool was written in another format.
        """
        if not poll_s >= _SHORTEST_POLL_S:
            raise BadSetting(f"poll_s is {poll_s}; expected {_SHORTEST_POLL_S} seconds or more.")
        where, time = model_url(url), clock or SystemClock()
        if spool is None:
            _check_memory_is_meant(mode, "spool")
            folder, salt = None, new_salt()
            keeper: Keeper = MemoryKeeper(where.server)
        else:
            if mode != "durable":
                raise BadSetting(f"mode is '{mode}' with a spool, which is always fsynced; expected 'durable', or no spool.")
            opened = open_folder(Path(spool), holds="spool")
            folder, salt = opened.path, opened.salt
            keeper = SpoolKeeper(folder, where.server, max_bytes=spool_bytes)
        newest = Newest(where, folder=folder)
        try:
            live = newest.begin(lambda file: LiveModel(file, salt=salt, clock=time, append=keeper.append))
        except BaseException:
            keeper.close()
            raise
        seed = int.from_bytes(os.urandom(8), "big")
        return cls(live, keeper, clock=time, newest=newest, poll_s=poll_s, seed=seed)

    @property
    def loop(self) -> str:
        """The loop's name."""
        return self._live.decider.live.spec.loop

    @property
    def model(self) -> str:
        """What decides now: a model's digest, or `baseline`."""
        return self._live.decider.live.name

    @property
    def trouble(self) -> str | None:
        """Why the last look for a newer model failed, in words; None: it did not."""
        return None if self._newest is None else self._newest.trouble

    def counts(self) -> Mapping[str, int]:
        """Since the start: looks for a model, downloads, failed looks, and decisions of the baseline by reason."""
        fallbacks = {f"fallback_{why}": n for why, n in self._live.decider.counts().items()}
        return {**({} if self._newest is None else self._newest.counts()), **fallbacks}

    def decide(
        self,
        context: Mapping[str, Any],
        *,
        decision_id: str | None = None,
        mask: Sequence[bool] | None = None,
        exclude: Sequence[str] | None = None,
        actions: Sequence[Mapping[str, Any]] | None = None,
        n: int | None = None,
        explore: bool = True,
        defer: bool = False,
        occurred_at: str | None = None,
        episode_id: str | None = None,
        step: int | None = None,
        previous: Mapping[str, Any] | Sequence[Any] | None = None,
        subject: str | None = None,
        pmf: bool = False,
    ) -> Answer:
        """What to do in this context. When this returns, the decision is on the disk, where a log or a spool was given.

        Args and meaning are those of `Client.decide`.

        Raises:
            Invalid: the request does not fit the loop; every fault is listed.
            DecisionConflict: the same id was decided with another context a moment ago.
            LogUnavailable: the disk does not take the decision, so that it must not be carried out. A loop with
                `on_log_failure: serve-baseline` answers from the baseline instead, with `logged=False`.
        """
        said = {
            "context": context,
            "decision_id": decision_id,
            "mask": mask,
            "exclude": exclude,
            "actions": actions,
            "n": n,
            "explore": explore,
            "defer": defer,
            "occurred_at": occurred_at,
            "episode_id": episode_id,
            "step": step,
            "previous": previous,
            "subject": subject,
        }
        answer = arguments.used(said, DecideRequest, self._decided)
        self._wake()
        return answer if pmf else replace(answer, pmf=None, density=None)

    def outcome(
        self,
        decision: Answer | str,
        outcomes: Mapping[str, float | bool] | None = None,
        *,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        final: bool = False,
        **named: float | bool,
    ) -> Receipt:
        """Report what came of a decision of this loop: `decider.outcome(answer, clicked=True)`. It goes where decisions go.

        Args and meaning are those of `Client.outcome`.

        Raises:
            Invalid: the report does not fit the loop; every fault is listed.
            LogUnavailable: the disk does not take it.
        """
        said = {"outcome_id": outcome_id, "occurred_at": occurred_at, "final": final}
        return self._reported(decision, {"outcomes": {**(outcomes or {}), **named}, **said})

    def end_episode(
        self,
        decision: Answer | str,
        next_context: Mapping[str, Any] | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        outcomes: Mapping[str, float | bool] | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
    ) -> Receipt:
        """Say that an episode of this loop ended, and in what. Args and meaning are those of `Client.end_episode`.

        Raises:
            Refused: it ended in both ways, or in neither.
            Invalid, LogUnavailable: as for `outcome`.
        """
        end = ending(terminated=terminated, truncated=truncated, next_context=next_context)
        said = {"outcome_id": outcome_id, "occurred_at": occurred_at, **end}
        return self._reported(decision, {"outcomes": dict(outcomes or {}), **said})

    def executed(
        self,
        decision: Answer | str,
        action: str | int | Mapping[str, Any] | Sequence[float],
        *,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
    ) -> Receipt:
        """Say what was really carried out, where that is not what was decided. Args and meaning are those of `Client.executed`.

        Raises:
            Invalid, LogUnavailable: as for `outcome`.
        """
        said = {"outcome_id": outcome_id, "occurred_at": occurred_at}
        return self._reported(decision, {"outcomes": {}, "executed": as_sent(action), **said})

    def _reported(self, decision: Answer | str, report: Mapping[str, Any]) -> Receipt:
        """Keep a report on a decision; there is nothing to report on one that should have been kept and was not."""
        if arguments.is_unlogged(decision):
            return Receipt(dropped=1)
        said = {"decision_id": arguments.id_of(decision), **report}

        def reported(request: OutcomeRequest) -> Receipt:
            told = outcome(request, self._live.decider.checks, received_at=self._clock.now_us())
            spec = self._live.decider.checks.spec
            late = arguments.why_too_late(decision, told.event, spec) if self._keeper.is_dated_on_delivery else None
            if late is not None:
                return Receipt(dropped=1, warnings=(late,))
            receipt = self._keeper.report(spec.loop, request, told.event)
            return replace(receipt, warnings=tuple(told.warnings))

        receipt = arguments.used(said, OutcomeRequest, reported)
        self._wake()
        return receipt

    def activate(self, decision: Answer | str, *, occurred_at: str | None = None) -> Receipt:
        """Say that a deferred decision took effect; its window starts now. Saying it again changes nothing.

        Raises:
            Invalid: an id or a time is malformed.
            LogUnavailable: the disk does not take it.
        """
        if arguments.is_unlogged(decision):
            return Receipt(dropped=1)

        def reported(request: ActivateRequest) -> Receipt:
            event = activation(request, self._live.decider.checks, received_at=self._clock.now_us())
            return self._keeper.report(event.loop, request, event)

        said = {"decision_id": arguments.id_of(decision), "occurred_at": occurred_at}
        receipt = arguments.used(said, ActivateRequest, reported)
        self._wake()
        return receipt

    def look(self) -> bool:
        """Look for a newer model now; whether another one decides since. Raises nothing: `trouble` says what is wrong."""
        return self._newest is not None and self._newest.look(self._live)

    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> bool:
        """Deliver what waits, or seal the log so that it can be shipped; whether nothing waits any more."""
        return self._keeper.deliver(timeout_s)

    def close(self) -> None:
        """Try once more to deliver what waits, and leave nothing open. What still waits stays on the disk."""
        for running in (self._polling, self._delivering):
            if running is not None:
                running.stop()
        self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _decided(self, request: DecideRequest) -> Answer:
        decider = self._live.decider
        try:
            decided = decider.decide(request)
            try:
                self._keeper.keep(request, decided)
            except LogUnavailable:
                decider.forget(decided.event)  # so that a retry is decided and kept anew
                raise
        except LogUnavailable:
            if decider.live.spec.on_log_failure != "serve-baseline":
                raise
            return arguments.answer_of(decider.decide_unlogged(request), is_logged=False, reason="the log cannot be written")
        is_split_known = not self._keeper.is_dated_on_delivery
        return arguments.answer_of(decided, is_logged=self._keeper.is_durable, is_split_known=is_split_known)

    def _wake(self) -> None:
        if self._delivering is not None:
            self._delivering.wake()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadModel(f"'{path}' cannot be read: {error.strerror}; expected a model file.") from None


def _check_memory_is_meant(mode: Mode, name: str) -> None:
    if mode != "fast":
        raise BadSetting(
            f"there is no {name}, so decisions would be kept in memory alone; expected {name}=FOLDER, or mode='fast' if you "
            f"can lose them."
        )
