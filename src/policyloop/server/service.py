"""What one server process works with: the log, the deciders, the registry, the clock and the counters.

Question answered: what does a handler reach, and in which order is it opened and closed? Opened before the first
request. At the end: not ready, then, when all that was begun is answered, the log is sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from policyloop import __version__
from policyloop.core.clock import Clock
from policyloop.core.endpoint import Call, Endpoint
from policyloop.core.errors import LogUnavailable
from policyloop.core.settings import Settings
from policyloop.core.wire import DecideRequest
from policyloop.ingest.checks import Checks
from policyloop.interop.kept import Kept
from policyloop.lake.tables import Lake
from policyloop.log.writer import LogConfig, LogWriter
from policyloop.registry import action_set_rows
from policyloop.registry.downloads import Downloads
from policyloop.registry.registry import Registry
from policyloop.run.deployment import Deployment
from policyloop.serve.decider import Acting, Decided, Decider
from policyloop.serve.hot_swap import HotSwap
from policyloop.server.intake import Intake
from policyloop.server.metrics import Gauge, Labels, Metrics
from policyloop.server.numbers import Numbers
from policyloop.server.request_log import LogLines
from policyloop.server.upkeep import Upkeep
from policyloop.storage.objects import open_objects
from policyloop.storage.records import Records, open_records, url_of

_TELL_EVERY_S = 1.0


class Service:
    """The parts of one process. `open` and `close` are called by the application's lifespan."""

    log: LogWriter
    intake: Intake
    records: Records
    registry: Registry
    downloads: Downloads
    swap: HotSwap
    kept: Kept
    deployment: Deployment
    upkeep: Upkeep

    def __init__(self, settings: Settings, *, clock: Clock, lines: LogLines, worker: str, rows: Sequence[Endpoint]) -> None:
        self.settings = settings
        self.clock = clock
        self.lines = lines
        self.worker = worker
        self.rows = rows
        self.numbers = Numbers()
        self.metrics = Metrics(settings.home.path / "metrics", worker, [*self.numbers.parts(), *self._gauges()])
        self.is_draining = False
        self.version = __version__
        self._telling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open everything; nothing stays half open when this raises, since the process ends then."""
        await asyncio.to_thread(self._open)
        self._telling = asyncio.create_task(self._tell_others())

    async def close(self) -> None:
        """Stop looking for champions, seal the log, close the records."""
        self.is_draining = True
        if self._telling is not None:
            self._telling.cancel()
        await asyncio.to_thread(self._close)

    def decider(self, call: Call) -> Decider:
        """The decider of the loop that the path names; the call notes the loop's own name, also when an alias came in.

        Raises:
            UnknownLoop: there is none; the nearest name is suggested.
        """
        decider = self.swap.find(call.params["loop"])
        call.loop = decider.live.spec.loop
        return decider

    async def decide(self, decider: Decider, request: DecideRequest, *, acting: Acting = "policy") -> Decided:
        """Decide, and return when the decision is durable; errors as in `Decider.decide`.

        Where the log cannot be written, the baseline's unlogged decision comes back if the loop's spec asks for it.
        """
        decided: Decided | None = None
        try:
            decided = decider.decide(request, acting=acting)
            await self.log.durable(decided.seq)
            if decided.set_seq is not None:
                await self.log.durable(decided.set_seq)
        except LogUnavailable:
            if decided is not None:
                decider.forget(decided.event)  # so that a retry is decided and logged anew
            if decider.live.spec.on_log_failure != "serve-baseline":
                raise
            return decider.decide_unlogged(request, acting=acting)
        return decided

    def serving(self, loop: str) -> str | None:
        """What this process decides with: a model's digest or `baseline`; None before it has seen the loop."""
        decider = self.swap.deciders.get(loop)
        return None if decider is None else decider.live.name

    def checks(self) -> Mapping[str, Checks]:
        """What payloads are held against, by loop and by alias."""
        found: dict[str, Checks] = {}
        for decider in self.swap.deciders.values():
            live = decider.live
            found |= dict.fromkeys((live.spec.loop, *live.spec.aliases), live.checks)
        return found

    def reasons_not_to_call(self) -> list[str]:
        """Why this process should get no requests now, for anyone to read; empty when it should."""
        reasons = []
        if self.is_draining:
            reasons.append("the process is about to end")
        if not self.log.is_writable:
            reasons.append("the log cannot be written; the server's log tells why")
        return reasons

    def _open(self) -> None:
        home = self.settings.home.make()
        self.records = open_records(url_of(home.path))
        self.registry = Registry(self.records, open_objects(home.path), clock=self.clock)
        self.downloads = Downloads(self.registry)
        self.log = LogWriter(home.log, clock=self.clock, config=LogConfig(**self.settings.section("log")))
        self.intake = Intake(self.log, clock=self.clock)
        self.swap = HotSwap(
            self.registry,
            salt=self.registry.salt,
            clock=self.clock,
            append=self.log.append,
            on_refused=self._tell_refused,
            find_set=partial(action_set_rows.registered, self.records),
        )
        self.kept = Kept(self.records, clock=self.clock, version=lambda: self.swap.version)
        self.deployment = Deployment(home, self.records, self.registry, Lake(home.lake), self.clock)
        self.upkeep = Upkeep(self.deployment)
        self.swap.look()
        self.swap.start()

    def _close(self) -> None:
        self.swap.stop()
        self.log.close()
        self.metrics.remove()
        self.records.close()

    def _tell_refused(self, loop: str, model: str, reason: str) -> None:
        self.lines.tell("error", "model refused", {"loop": loop, "model": model, "reason": reason})

    async def _tell_others(self) -> None:
        """Write the numbers for the other workers, once a second."""
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            try:
                await asyncio.to_thread(self.metrics.write, self.metrics.families(), now_us=self.clock.now_us())
            except OSError as error:  # a full disk must not end serving; the numbers of this worker go stale
                self.lines.tell("warning", "numbers not written", {"reason": error.strerror or ""})

    def _gauges(self) -> list[Gauge]:
        return [
            Gauge("policyloop_ready", "1 when requests are welcome.", lambda: {(): float(not self.reasons_not_to_call())}),
            Gauge("policyloop_log_writable", "1 when events can be logged.", lambda: {(): float(self.log.is_writable)}),
            Gauge("policyloop_serving", "1 for the model that decides.", self._serving, labels=("loop", "policy")),
            Gauge(
                "policyloop_fallbacks_total",
                "Decisions of the baseline, by reason.",
                self._fallbacks,
                labels=("loop", "reason"),
                kind="counter",
            ),
        ]

    def _serving(self) -> Mapping[Labels, float]:
        return {(loop, decider.live.name): 1.0 for loop, decider in self.swap.deciders.items()}

    def _fallbacks(self) -> Mapping[Labels, float]:
        return {
            (loop, reason): float(n) for loop, decider in self.swap.deciders.items() for reason, n in decider.counts().items()
        }
