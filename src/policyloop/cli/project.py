"""The project that a command works on: the current folder with its policyloop.yaml, its loop files and its data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policyloop.core.errors import NothingToDo
from policyloop.core.settings import Settings, read_settings
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.storage.records import url_of


def read_project(home: Path | None) -> Settings:
    """The project's settings; `home` is the flag of that name, None where it was not given."""
    return read_settings(Path.cwd(), flags={"home.path": None if home is None else str(home)})


@contextmanager
def open_project(home: Path | None) -> Iterator[Deployment]:
    """The project's data folder, opened; one that is not there is not made.

    Raises:
        NothingToDo: there is no data folder yet.
    """
    settings = read_project(home)
    if not Path(url_of(settings.home.path).removeprefix("sqlite:///")).exists():
        raise NothingToDo(
            f"there is no data in '{settings.home.path}' yet; expected a data folder that `policyloop apply` or "
            f"`policyloop up` made. Change to your project's folder, or say --home PATH."
        )
    with open_deployment(settings.home) as deployment:
        yield deployment
