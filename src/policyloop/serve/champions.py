"""Champions: the registry as the source that hot swap looks at. The registry fits as it is; this only narrows it."""

from __future__ import annotations

from collections.abc import Mapping

from policyloop.registry.registry import Registry
from policyloop.serve.hot_swap import Standing, StoredModel


class Champions:
    """The registry as hot swap's source."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def version(self) -> int:
        """A number that changes whenever a standing does."""
        return self._registry.version()

    def standings(self) -> Mapping[str, Standing]:
        """What holds now, by loop."""
        return self._registry.standings()

    def load(self, loop: str, model: str) -> StoredModel:
        """A model, verified against its digest.

        Raises:
            UnknownModel: the loop has no such model.
            BadModel: its files are not what the digest names, or do not fit together.
        """
        return self._registry.load(loop, model)
