"""Keeping up: the model of an address, looked for again and again, and the last good one kept on disk.

Question answered: which file should be live now, whatever state the server and the way to it are in? Whatever goes wrong
is counted and told once, and what decides goes on.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from policyloop.core import model_file
from policyloop.core.errors import BadModel, NoModel
from policyloop.core.model_file import ModelFile
from policyloop.log.files import SystemFiles, replace_whole
from policyloop.run.edges.download import Fetched, ModelUrl, fetch
from policyloop.run.edges.live_model import LiveModel

FETCH_TIMEOUT_S = 10.0
KEPT = "last-good.model"
_log = logging.getLogger("policyloop.edge")


class Newest:
    """The model files of one address.

    Args:
        folder: where the last good file is kept, for a start while the server is away; None: nowhere.
    """

    def __init__(self, url: ModelUrl, *, folder: Path | None) -> None:
        self._url = url
        self._keep_at = None if folder is None else folder / KEPT
        self._etag: str | None = None
        self._trouble: str | None = None
        self._is_final = False
        self._counts: Counter[str] = Counter()
        self._looking = threading.Lock()

    @property
    def trouble(self) -> str | None:
        """Why the last look found nothing that can decide; None: it did not fail."""
        return self._trouble

    @property
    def is_final(self) -> bool:
        """Whether this address will never have another model."""
        return self._is_final

    def counts(self) -> Mapping[str, int]:
        """Since the start: looks, downloads, and looks that failed."""
        return {name: self._counts[name] for name in ("looks", "downloads", "failures")}

    def begin(self, make: Callable[[ModelFile], LiveModel]) -> LiveModel:
        """What is live at first: what the server has, else what was kept of it.

        Raises:
            NoModel: the server is away or has none, and none was kept.
            BadModel: what came is not whole or not ours, and none was kept.
        """
        kept = self._kept()
        if kept is not None:
            live = make(kept)
            self.look(live)
            return live
        self._counts["looks"] += 1
        fetched = fetch(self._url, None, timeout_s=FETCH_TIMEOUT_S)
        assert fetched is not None, "a 304 to a request without a tag"
        if not self._is_of_the_loop(fetched.file):
            raise BadModel(f"the model file is of loop '{fetched.file.spec.loop}'; expected one of '{self._url.loop}'.")
        live = make(fetched.file)
        self._settle(fetched, live)
        return live

    def look(self, live: LiveModel) -> bool:
        """Fetch what is newer and let it decide; whether something else decides now. Raises nothing."""
        with self._looking:
            before = live.decider.live
            self._counts["looks"] += 1
            try:
                fetched = fetch(self._url, self._etag, timeout_s=FETCH_TIMEOUT_S)
                if fetched is None:
                    live.look()
                    self._came_up()
                else:
                    self._etag = fetched.etag  # also of a model that is refused: it need not come again
                    live.take(fetched.file)
                    self._settle(fetched, live)
            except (NoModel, BadModel) as error:
                self._counts["failures"] += 1
                self._tell(error.message)
            return live.decider.live is not before

    def _settle(self, fetched: Fetched, live: LiveModel) -> None:
        """Remember what came, and keep it when it decides."""
        self._counts["downloads"] += 1
        self._etag = fetched.etag
        self._is_final = fetched.is_immutable
        try:
            live.look()
        except BadModel as error:
            self._counts["failures"] += 1
            self._tell(error.message)
            return
        self._came_up()
        if self._keep_at is not None:
            try:
                replace_whole(SystemFiles(), self._keep_at, fetched.body)
            except OSError as error:
                _log.warning("the model cannot be kept in %s: %s", self._keep_at, error.strerror)

    def _kept(self) -> ModelFile | None:
        """The file that was kept by an earlier run; None when there is none that is whole and of this loop."""
        if self._keep_at is None or not self._keep_at.exists():
            return None
        try:
            body = self._keep_at.read_bytes()
            file = model_file.unpack(body)
        except (OSError, BadModel) as error:
            _log.warning("%s is of no use: %s", self._keep_at, error)
            return None
        if not self._is_of_the_loop(file):
            _log.warning("%s is of loop '%s', not of '%s', and is left out", self._keep_at, file.spec.loop, self._url.loop)
            return None
        self._etag = f'"{hashlib.sha256(body).hexdigest()}"'
        return file

    def _is_of_the_loop(self, file: ModelFile) -> bool:
        return self._url.loop in (file.spec.loop, *file.spec.aliases)

    def _came_up(self) -> None:
        if self._trouble is not None:
            _log.info("models come again from %s%s", self._url.server, self._url.path)
        self._trouble = None

    def _tell(self, trouble: str) -> None:
        """Say what is wrong, once until it changes."""
        if trouble != self._trouble:
            _log.warning("%s What decided before goes on.", trouble)
        self._trouble = trouble
