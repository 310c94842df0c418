"""A rollout against a server: the small client asks for decisions and reports what came of them, as a robot would.

Question answered: what does the endpoint do, in episodes that it has not made up itself? The random share of the steps is
not the server's: here a coin is thrown, and what was drawn evenly is tracked as `random` with the density of the even draw.
Such a step keeps the loop's limits, too, and the server is told with each request what was really done before it.
Letters: a numbers of an action.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import numpy as np

from policyloop.client.client import Client
from policyloop.client.errors import ClientError, Refused
from policyloop.client.exchange import address_of
from policyloop.core.density import Density
from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.core.loop import ActionSpec, LoopSpec
from policyloop.core.wire import TrackedDecision
from policyloop.serve.limits import Limits
from policyloop.simulate.actor import POLICY, RANDOM, Uniform
from policyloop.simulate.drivers import Moment, Report, Turn, tracked_rows, turns

TIMEOUT_S = 30.0
_CONNECT_S = 3.0  # before anything is played: whoever does not listen then is away
_MAX_ROWS = 500  # of one request
_AT_ONCE = 8  # episodes that wait for an answer: what they log then goes to the disk together


class Remote:
    """Asks a server. Close it at the end.

    Args:
        actions: of the environment.
        spec: the loop's, whose limits the random steps keep; None where actions have names, or nothing is drawn here.
    """

    def __init__(
        self,
        url: str,
        loop: str,
        actions: ActionSpec,
        *,
        spec: LoopSpec | None = None,
        random_fraction: float,
        rng: np.random.Generator,
    ) -> None:
        self._client = Client(url, timeout=TIMEOUT_S)
        self._loop, self._actions = loop, actions
        self._uniform = Uniform(actions)
        self._names = [] if spec is None else [part.name for part in spec.actions.box]
        self._limits = None if spec is None else Limits(spec)
        self._random_fraction, self._rng = random_fraction, rng
        self._done: dict[str, dict[str, float]] = {}  # by episode, at its last step; of actions that are numbers
        self._threads = ThreadPoolExecutor(_AT_ONCE)

    def act(self, moment: Moment) -> list[Turn]:
        """See `Driver`."""
        is_random = self._rng.random(len(moment.contexts)) < self._random_fraction
        drawn = self._drawn(moment, np.flatnonzero(is_random).tolist())
        rows = [row for row in range(len(moment.contexts)) if row not in drawn]
        asked = dict(zip(rows, self._threads.map(lambda row: self._asked(moment, row), rows), strict=True))
        acted = [drawn[row] if row in drawn else asked[row] for row in range(len(moment.contexts))]
        self._remember(moment, acted)
        return acted

    def hear(self, reports: Sequence[Report]) -> None:
        """See `Driver`."""
        rows: list[Mapping[str, Any]] = msgspec.to_builtins(reports)
        for start in range(0, len(rows), _MAX_ROWS):
            some = rows[start : start + _MAX_ROWS]
            with _as_ours(f"the outcomes of decision '{some[0]['decision_id']}' and what comes with them"):
                self._client.outcomes(self._loop, some)

    def close(self) -> None:
        """Leave no thread and no connection open."""
        self._threads.shutdown()
        self._client.close()

    def _drawn(self, moment: Moment, rows: Sequence[int]) -> dict[int, Turn]:
        """What was drawn evenly for these rows, tracked; by row."""
        if not rows:
            return {}
        tracked, acted = self._even_numbers(moment, rows) if self._actions.box else self._even_labels(moment, rows)
        sent = [{k: v for k, v in row.items() if v is not None and v is not False} for row in msgspec.to_builtins(tracked)]
        for start in range(0, len(sent), _MAX_ROWS):
            with _as_ours(f"the random steps {moment.step} of its episodes"):
                results = self._client.track(sent[start : start + _MAX_ROWS])
            for result in results:
                if result["status"] == "refused":
                    raise NothingToDo(f"the server does not take a random step: {result['error']['detail']}")
        return dict(zip(rows, acted, strict=True))

    def _even_labels(self, moment: Moment, rows: Sequence[int]) -> tuple[list[TrackedDecision], list[Turn]]:
        """Labels, all as likely."""
        some = Moment(
            state=moment.state[list(rows)],
            contexts=[moment.contexts[row] for row in rows],
            episodes=[moment.episodes[row] for row in rows],
            step=moment.step,
        )
        acted = self._uniform.act(some.state, np.full(len(rows), moment.step), rng=self._rng)
        return tracked_rows(acted, some, self._loop, self._actions, policy=RANDOM), turns(acted, some)

    def _even_numbers(self, moment: Moment, rows: Sequence[int]) -> tuple[list[TrackedDecision], list[Turn]]:
        """Numbers, each anywhere between the limits that hold after what was done before."""
        tracked, acted = [], []
        for row in rows:
            density = self._between(moment.episodes[row])
            numbers, _ = density.draw(0.0, self._rng.random(len(self._names)).tolist())
            values = dict(zip(self._names, numbers, strict=True))
            tracked.append(
                TrackedDecision(
                    loop=self._loop,
                    context=moment.contexts[row],
                    decision_id=moment.decision_id(row),
                    policy=RANDOM,
                    action_source="random",
                    episode_id=moment.episodes[row],
                    step=moment.step,
                    values={**values},
                    density=density.to_json(),  # propensity and kind follow from it
                )
            )
            acted.append(Turn(moment.decision_id(row), [values[part.name] for part in self._actions.box], RANDOM))
        return tracked, acted

    def _between(self, episode: str) -> Density:
        """The even draw of the next step of an episode."""
        assert self._limits is not None, "numbers are drawn only where the loop's spec is at hand"
        before = self._done.get(episode)
        low, high = self._limits.between(None if before is None else [before[name] for name in self._names])
        return Density(family="uniform", low=low, high=high)

    def _remember(self, moment: Moment, acted: Sequence[Turn]) -> None:
        """Keep what is done now, of the episodes that are under way."""
        parts = [part.name for part in self._actions.box]
        if parts:
            numbers = ((episode, turn.action) for episode, turn in zip(moment.episodes, acted, strict=True))
            self._done = {episode: dict(zip(parts, done, strict=True)) for episode, done in numbers if isinstance(done, list)}

    def _asked(self, moment: Moment, row: int) -> Turn:
        with _as_ours(f"step {moment.step} of episode '{moment.episodes[row]}'"):
            answer = self._client.decide(
                self._loop,
                moment.contexts[row],
                decision_id=moment.decision_id(row),
                episode_id=moment.episodes[row],
                step=moment.step,
                previous=self._done.get(moment.episodes[row]),
            )
        if not self._actions.box:
            return Turn(answer.decision_id, self._actions.labels.index(answer.action), POLICY)
        values = msgspec.json.decode(answer.action)
        return Turn(answer.decision_id, [float(values[part.name]) for part in self._actions.box], POLICY)


@contextmanager
def _as_ours(what: str) -> Iterator[None]:
    """What the client says no to, told as of the rollout."""
    try:
        yield
    except Refused as error:
        raise NothingToDo(f"the server refuses {what}: {error.message}", help=error.help) from error
    except ClientError as error:
        raise NothingToDo(
            f"the server took no {what}: {error.message} Look whether `policyloop up` runs there, and play again with the "
            f"same --seed: what is in its log already counts once."
        ) from error


def check_listens(server: str) -> None:
    """Before anything is played: somebody is at the address.

    Raises:
        BadSetting: it is no address.
        NothingToDo: nobody is there.
    """
    try:
        to = address_of(server)
    except ValueError as error:
        raise BadSetting(str(error)) from None
    try:
        socket.create_connection((to.host, to.port or to.default_port), timeout=_CONNECT_S).close()
    except OSError as error:
        raise NothingToDo(
            f"no server answers at {server}: {str(error) or type(error).__name__}. Expected one of `policyloop up`; start "
            f"it there, or let a model of this project decide: --policy champion."
        ) from None


def server_and_loop(url: str) -> tuple[str, str | None]:
    """The server of an address, and the loop that its path names: `http://host:8900/v1/loops/cart-pole`."""
    parts = urlsplit(url)
    path = [part for part in parts.path.split("/") if part]
    loop = path[path.index("loops") + 1] if "loops" in path[:-1] else None
    return urlunsplit((parts.scheme, parts.netloc, "", "", "")), loop
