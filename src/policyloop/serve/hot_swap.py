"""Hot swap: each process looks for new models several times a second and changes over between two decisions.

Question answered: which spec and which model should decide in each loop now, and may this model? Loading and the canary
run in a thread of their own; the change itself is one assignment, so no request fails and no answer mixes two models.
A model that cannot be loaded or fails its canary is refused: what was live stays live, and a challenger that is refused is
not asked. Which models there are is read at one moment, so that a decision never sees the champion of one and the
challenger of another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, cast

from policyloop.core.clock import Clock
from policyloop.core.errors import UnknownLoop
from policyloop.core.loop import LoopSpec
from policyloop.ingest.candidates import FindSet
from policyloop.ingest.checks import Checks
from policyloop.policy.boxed import BoxPolicy
from policyloop.policy.scored import Loaded, Scored
from policyloop.serve import canary
from policyloop.serve.aligned import Aligned, ready
from policyloop.serve.decider import Append, Decider
from policyloop.serve.fallback import Breaker
from policyloop.serve.live import BUDGET_S, Live, live_of
from policyloop.serve.served import Served
from policyloop.serve.traffic import Challenger, Traffic, state_of

LOOK_EVERY_S = 0.2
RETRY_AFTER_S = 30.0  # a refused model is tried again: the disk may have been at fault


class Trial(Protocol):
    """What the registry says of a challenge that is served."""

    @property
    def challenge(self) -> str | int:
        """Which one."""
        ...

    @property
    def state(self) -> str:
        """`shadow`, `canary` or `ramp`, in small or capital letters."""
        ...

    @property
    def model(self) -> str:
        """The digest of the newest model of its line."""
        ...

    @property
    def share(self) -> float:
        """The challenger's share of what the hold-out leaves, in (0, 1); without effect in `shadow`."""
        ...

    @property
    def sticky(self) -> bool:
        """Whether a subject stays on one side."""
        ...


class Standing(Protocol):
    """What the registry says of one loop."""

    @property
    def spec(self) -> LoopSpec:
        """The spec that holds."""
        ...

    @property
    def champion(self) -> str | None:
        """The model's digest; None: the baseline."""
        ...

    @property
    def is_paused(self) -> bool:
        """Whether the baseline decides, whoever is champion."""
        ...

    @property
    def trial(self) -> Trial | None:
        """The challenge that is served; None without one, or while its challenger is not asked."""
        ...


class StoredModel(Protocol):
    """A model as it was read, not yet made ready."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions it knows, in order."""
        ...

    def loaded(self) -> Loaded:
        """Make it ready to be asked. Whatever it raises refuses the model."""
        ...


class Source(Protocol):
    """Where champions come from; the registry, or a test's own."""

    def version(self) -> int:
        """A number that changes whenever a standing does; asked often, so cheap."""
        ...

    def standings(self) -> Mapping[str, Standing]:
        """What holds now, by loop."""
        ...

    def load(self, loop: str, model: str) -> StoredModel:
        """Read a model. Whatever it raises refuses the model."""
        ...


Refused = Callable[[str, str, str], None]  # loop, model, reason


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A model that is ready to be asked, kept while it matters."""

    policy: Loaded
    labels: tuple[str, ...]


class HotSwap:
    """The deciders of one process, kept up to date.

    Args:
        salt: the deployment's key.
        append: takes each decision's record.
        on_refused: told once of each model that is refused, in the looking thread.
        find_set: looks up a set of candidates that was registered ahead.
    """

    def __init__(
        self,
        source: Source,
        *,
        salt: bytes,
        clock: Clock,
        append: Append,
        on_refused: Refused,
        find_set: FindSet | None = None,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._source = source
        self._salt = salt
        self._clock = clock
        self._append = append
        self._on_refused = on_refused
        self._find_set = find_set
        self._budget_s = budget_s
        self._deciders: dict[str, Decider] = {}
        self._models: dict[tuple[str, str], _Ready] = {}
        self._refused_until_s: dict[tuple[str, str, str], float] = {}
        self._version: int | None = None
        self._trouble: str | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def deciders(self) -> Mapping[str, Decider]:
        """By loop. The mapping is never changed, only replaced."""
        return self._deciders

    @property
    def version(self) -> int | None:
        """The source's number at the last look; None before the first."""
        return self._version

    @property
    def trouble(self) -> str | None:
        """Why the last look failed; what is loaded goes on deciding meanwhile. None: it did not."""
        return self._trouble

    def find(self, name: str) -> Decider:
        """The decider of a loop, by its name or one of its aliases.

        Raises:
            UnknownLoop: there is none; the nearest name is suggested.
        """
        deciders = self._deciders
        found = deciders.get(name)
        if found is not None:
            return found
        for decider in deciders.values():
            if name in decider.live.spec.aliases:
                return decider
        raise UnknownLoop(name, deciders)

    def look(self) -> None:
        """Take over what has changed. Called by the thread, and once before the first request; not by two at a time.

        Raises:
            Exception: whatever the source raises when it cannot be read.
        """
        version = self._source.version()
        if version == self._version and not self._is_retry_due():
            return
        standings = self._source.standings()
        deciders: dict[str, Decider] = {}
        for loop, standing in standings.items():
            deciders[loop] = self._brought_up_to_date(loop, standing)
        self._deciders = deciders
        self._let_go(standings)
        self._version = version

    def start(self) -> None:
        """Look again and again, in a thread, until `stop`."""
        self._thread = threading.Thread(target=self._run, name="hot-swap", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the deciders stay as they are."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.look()
                self._trouble = None
            except Exception as error:  # noqa: BLE001 - records that are down must not end serving
                self._trouble = f"{type(error).__name__}: {error}"

    def _brought_up_to_date(self, loop: str, standing: Standing) -> Decider:
        decider = self._deciders.get(loop)
        before = None if decider is None else decider.live
        live = self._with_traffic(loop, standing, self._next_live(loop, standing, before), before)
        if decider is None:
            return Decider(live, clock=self._clock, append=self._append, find_set=self._find_set)
        if live is not decider.live:
            decider.assign(live)
        return decider

    def _next_live(self, loop: str, standing: Standing, current: Live | None) -> Live:
        """What is to be live: the champion, else what is live now under the spec that holds, else the baseline."""
        wanted = None if standing.is_paused else standing.champion
        now = None if current is None or current.is_baseline else current.name
        choices = [wanted, now] if wanted is not None else []
        for model in choices:
            if current is not None and model == now and current.spec.digest == standing.spec.digest:
                return current
            if model is not None:
                live = live_of(standing.spec, salt=self._salt, budget_s=self._budget_s)
                policy = self._admitted(loop, model, live.checks)
                if policy is not None:
                    return live.with_model(policy, model)
        if current is not None and current.is_baseline and current.spec.digest == standing.spec.digest:
            return current
        return live_of(standing.spec, salt=self._salt, budget_s=self._budget_s)

    def _with_traffic(self, loop: str, standing: Standing, live: Live, before: Live | None) -> Live:
        """The same, with those beside the champion who may decide now; the very same where nothing is different."""
        trial, gate = standing.trial, standing.spec.gate
        is_challenged = trial is not None and standing.spec.episodes is not None and standing.champion is None
        if live.is_baseline and (standing.is_paused or not is_challenged):
            return live if live.traffic is None else replace(live, traffic=None)
        traffic = Traffic(
            challenger=None if trial is None else self._challenger(loop, trial, live.checks, before),
            hold_out=gate.hold_out,
            is_sticky=gate.sticky if trial is None else trial.sticky,
        )
        wanted = traffic if traffic.challenger is not None or traffic.hold_out > 0.0 else None
        return live if wanted == live.traffic else replace(live, traffic=wanted)

    def _challenger(self, loop: str, trial: Trial, checks: Checks, before: Live | None) -> Challenger | None:
        """The challenger of a challenge; the one that is asked already, if only its state or share changed."""
        state = state_of(trial.state)
        if state is None:
            return None
        traffic = None if before is None or before.spec.digest != checks.spec.digest else before.traffic
        known = None if traffic is None else traffic.challenger
        if known is not None and known.name == trial.model:
            return replace(known, challenge=str(trial.challenge), state=state, share=trial.share)
        policy = self._admitted(loop, trial.model, checks)
        if policy is None:
            return None
        return Challenger(
            challenge=str(trial.challenge),
            state=state,
            name=trial.model,
            policy=cast(Served, policy),  # over numbers where the loop's actions are
            share=trial.share,
            breaker=Breaker(budget_s=self._budget_s),
        )

    def _admitted(self, loop: str, model: str, checks: Checks) -> Scored | Aligned | BoxPolicy | None:
        """The model as it serves under the spec of the checks, if it loads and passes the canary."""
        key = (loop, model, checks.spec.digest)
        if self._refused_until_s.get(key, 0.0) > self._clock.monotonic_s():
            return None
        try:
            loaded = self._loaded(loop, model)
            policy = ready(loaded.policy, loaded.labels, checks.spec)
            canary.check(policy, checks, clock=self._clock, budget_s=self._budget_s)
        except Exception as error:  # noqa: BLE001 - a model is someone's file: whatever it raises, what is live stays
            if key not in self._refused_until_s:
                self._on_refused(loop, model, str(error))
            self._refused_until_s[key] = self._clock.monotonic_s() + RETRY_AFTER_S
            return None
        self._refused_until_s.pop(key, None)
        return policy

    def _loaded(self, loop: str, model: str) -> _Ready:
        key = (loop, model)
        if key not in self._models:
            stored = self._source.load(loop, model)
            self._models[key] = _Ready(stored.loaded(), stored.labels)
        return self._models[key]

    def _is_retry_due(self) -> bool:
        now_s = self._clock.monotonic_s()
        return any(until_s <= now_s for until_s in self._refused_until_s.values())

    def _let_go(self, standings: Mapping[str, Standing]) -> None:
        """Forget models and refusals that no longer matter."""
        wanted = {(loop, model) for loop, standing in standings.items() for model in _models_of(standing)}
        tried = {(*key, standings[key[0]].spec.digest) for key in wanted}
        live = {(loop, model) for loop, decider in self._deciders.items() for model in decider.live.models}
        self._models = {key: model for key, model in self._models.items() if key in live or key in wanted}
        self._refused_until_s = {key: until for key, until in self._refused_until_s.items() if key in tried}


def _models_of(standing: Standing) -> Iterator[str]:
    """The digests of those that may decide."""
    if standing.champion is not None:
        yield standing.champion
    if standing.trial is not None:
        yield standing.trial.model
