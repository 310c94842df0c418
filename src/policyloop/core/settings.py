"""Settings of a deployment: read at the edge, explicit inside. Loop specs are not settings; they are versioned.

A value comes from, the last wins: the default, `policyloop.yaml`, `POLICYLOOP_SECTION__KEY`, a flag of the command.
`policyloop config show` prints each with where it came from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policyloop.core.errors import BadSetting, Fault, Invalid, unknown
from policyloop.core.section import show
from policyloop.core.yaml_text import read_yaml

PROJECT_FILE = "policyloop.yaml"
ENVIRONMENT_PREFIX = "POLICYLOOP_"
QUERY_TIMEOUT_S, QUERY_MEMORY_MIB = 60.0, 1024  # of `policyloop sql`, unless told otherwise
# Names that are read from the environment by single commands and are no settings.
OTHER_ENVIRONMENT = ("POLICYLOOP_DEMO_DATA", "POLICYLOOP_DEBUG", "POLICYLOOP_ALLOW_OUTSIDE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting: its place, what it is for, and the values it takes."""

    section: str
    key: str
    default: Any
    about: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_secret: bool = False  # comes from the environment only, and is never shown

    @property
    def name(self) -> str:
        """`log.segment_bytes`."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """`POLICYLOOP_LOG__SEGMENT_BYTES`."""
        return f"{ENVIRONMENT_PREFIX}{self.section}__{self.key}".upper()


CATALOGUE = (
    Setting(
        section="home", key="path", default="policyloop-data", about="folder of the log, the tables, the models and the records"
    ),
    Setting(section="server", key="host", default="127.0.0.1", about="address to listen on; loopback only"),
    Setting(section="server", key="port", default=8900, about="port to listen on", low=0, high=65_535),
    Setting(section="server", key="workers", default=2, about="server processes", low=1, high=64),
    Setting(
        section="server",
        key="log_level",
        default="info",
        about="what the JSON log on stderr tells",
        choices=("debug", "info", "warning", "error"),
    ),
    Setting(
        section="log",
        key="mode",
        default="durable",
        about="`durable`: fsync before the answer; `fast`: within 50 ms after it",
        choices=("durable", "fast"),
    ),
    Setting(
        section="log", key="segment_bytes", default=64 * 2**20, about="size of a log segment", low=64 * 2**10, high=256 * 2**20
    ),
    Setting(
        section="log", key="group_wait_s", default=0.001, about="how long a commit waits for company, seconds", low=0, high=0.05
    ),
    Setting(
        section="log", key="low_water_bytes", default=2**30, about="below this much free disk, new events are refused", low=0
    ),
    Setting(
        section="log",
        key="seal_after_s",
        default=2.0,
        about="how often segments are handed to the tables, seconds",
        low=0.05,
        high=3600,
    ),
    Setting(
        section="work",
        key="every_s",
        default=1.0,
        about="how often the worker looks for something to do, seconds",
        low=0.05,
        high=3600,
    ),
    Setting(
        section="work",
        key="compact_every_s",
        default=600.0,
        about="how often small table files are merged, seconds",
        low=1,
        high=86_400 * 7,
    ),
    Setting(
        section="notify", key="url", default="", about="receiver of a signed webhook about promotions and alarms; empty: nobody"
    ),
    Setting(section="notify", key="allow", default=(), about="hosts that may have a private address, by name"),
    Setting(section="notify", key="source", default="policyloop", about="what a webhook says that it comes from"),
    Setting(
        section="notify",
        key="secret",
        default="",
        about="signs the webhook; environment only",
        is_secret=True,
    ),
)
_BY_NAME = {s.name: s for s in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from: `default`, a file, a variable or `flag`."""

    setting: Setting
    value: Any = field(repr=False)
    source: str

    @property
    def shown(self) -> Any:
        """The value as it may be printed."""
        return "***" if self.setting.is_secret and self.value else self.value


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a deployment, and the `defaults:` that loops start from."""

    values: Mapping[str, Value]
    loop_defaults: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def section(self, section: str) -> dict[str, Any]:
        """Key -> value of one section, e.g. to make a `LogConfig`."""
        return {v.setting.key: v.value for v in self.values.values() if v.setting.section == section}

    @property
    def home(self) -> Home:
        """Where this deployment's data lies."""
        return Home(Path(self["home.path"]))


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of a deployment's data."""

    path: Path

    @property
    def log(self) -> Path:
        """Segments that are not in the tables yet."""
        return self.path / "log"

    @property
    def lake(self) -> Path:
        """The Delta tables."""
        return self.path / "lake"

    @property
    def models(self) -> Path:
        """Models by digest."""
        return self.path / "models"

    def make(self) -> Home:
        """Make the folders, for their owner alone.

        Raises:
            BadSetting: there can be no folder at that place.
        """
        for folder in (self.path, self.log, self.lake, self.models):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise BadSetting(
                    f"home.path is '{self.path}', which cannot be a data folder: {error.strerror}; expected a folder, or a "
                    f"place where one can be made."
                ) from error
        return self


def read_settings(
    folder: Path, environment: Mapping[str, str] = os.environ, *, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings for the project in `folder`.

    Args:
        folder: where `policyloop.yaml` may lie; relative paths in it start there.
        environment: variables; those that start with `POLICYLOOP_` count.
        flags: `section.key` -> value, of the command line; None values do not count.

    Raises:
        Invalid: unknown keys or values out of range, all of them at once.
    """
    file = folder / PROJECT_FILE
    document = _read_file(file)
    faults: list[Fault] = []
    values = {s.name: Value(s, s.default, "default") for s in CATALOGUE}
    for name, raw, source in [
        *_from_document(document, str(file), faults),
        *_from_environment(environment, faults),
        *((n, v, "flag") for n, v in (flags or {}).items() if v is not None),
    ]:
        values[name] = Value(_BY_NAME[name], _checked(_BY_NAME[name], raw, source, faults), source)
    if faults:
        raise Invalid(faults, subject="the settings")
    home = values["home.path"]
    values["home.path"] = Value(home.setting, str(folder / home.value), home.source)
    return Settings(values, document.get("defaults") or {})


def _read_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        document = read_yaml(file.read_text(encoding="utf-8"), subject=str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSetting(f"{file} cannot be read: {reason}; expected the project's YAML file.", where=str(file)) from error
    except Invalid as error:
        raise BadSetting(f"{file} is not YAML as it is read here: {error}", where=str(file)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadSetting(f"{file} holds {show(document)}; expected sections such as `log:` and `server:`.", where=str(file))
    return document


def _from_document(document: Mapping[str, Any], file: str, faults: list[Fault]) -> list[tuple[str, Any, str]]:
    sections = {s.section for s in CATALOGUE}
    found = []
    for section, body in document.items():
        if section == "defaults":
            if not isinstance(body, dict | None):
                faults.append(Fault(f"{file}: defaults", f"is {show(body)}; expected keys of a loop, such as `train:`."))
            continue
        if section not in sections:
            faults.append(Fault(f"{file}: {section}", unknown("section", str(section), [*sections, "defaults"])))
            continue
        if not isinstance(body, dict):
            faults.append(Fault(f"{file}: {section}", f"is {show(body)}; expected keys below it."))
            continue
        keys = [s.key for s in CATALOGUE if s.section == section]
        for key, raw in body.items():
            if key in keys:
                found.append((f"{section}.{key}", raw, file))
            else:
                faults.append(Fault(f"{file}: {section}.{key}", unknown("setting", str(key), keys)))
    return found


def _from_environment(environment: Mapping[str, str], faults: list[Fault]) -> list[tuple[str, Any, str]]:
    by_variable = {s.variable: s for s in CATALOGUE}
    found = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in OTHER_ENVIRONMENT:
            continue
        if variable in by_variable:
            setting = by_variable[variable]
            found.append((setting.name, text if setting.is_secret else _of_variable(text), variable))
        else:
            faults.append(Fault(variable, unknown("setting", variable, by_variable)))
    return found


def _of_variable(text: str) -> Any:
    """A variable's value as a file would say it; what is no YAML is a text."""
    try:
        return read_yaml(text)
    except Invalid:
        return text


def _checked(setting: Setting, raw: Any, source: str, faults: list[Fault]) -> Any:
    """The value as the setting's type; a fault when it does not fit."""
    where = f"{setting.name} (from {source})"
    if setting.is_secret and source != setting.variable:
        faults.append(Fault(where, f"is a secret; expected it in the environment alone, as {setting.variable}."))
        return setting.default
    if isinstance(setting.default, tuple):
        return _texts(raw, where, faults)
    if setting.choices:
        if raw not in setting.choices:
            faults.append(Fault(where, f"is {show(raw)}; expected one of {', '.join(setting.choices)}."))
        return raw
    if isinstance(setting.default, str):
        return str(raw)
    kinds = (int,) if isinstance(setting.default, int) else (int, float)
    if isinstance(raw, bool) or not isinstance(raw, kinds):
        faults.append(Fault(where, f"is {show(raw)}; expected {'a whole number' if kinds == (int,) else 'a number'}."))
        return raw
    low, high = setting.low, setting.high
    if (low is not None and raw < low) or (high is not None and raw > high) or raw != raw:  # noqa: PLR0124 - NaN
        expected = f"{low:,} or more" if high is None else f"{low:,} to {high:,}"
        faults.append(Fault(where, f"is {raw:,}; expected {expected}."))
    return type(setting.default)(raw)


def _texts(raw: Any, where: str, faults: list[Fault]) -> tuple[str, ...]:
    """A list of texts; a text is a list of one."""
    listed = raw if isinstance(raw, list) else [raw]
    if all(isinstance(one, str) and one for one in listed):
        return tuple(listed)
    faults.append(Fault(where, f"is {show(raw)}; expected a list of texts."))
    return ()
