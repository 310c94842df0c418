"""The model card: what a model learned from, with which settings, how well, and what the gate said. Markdown.

Question answered: what would I want to know about this model before I trust it?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policyloop.core.clock import iso
from policyloop.core.model import Manifest
from policyloop.gate.verdict import Verdict
from policyloop.registry.model_rows import ModelRow
from policyloop.registry.verdict_rows import VerdictRow


def card(
    row: ModelRow,
    manifest: Manifest,
    *,
    line: Sequence[ModelRow],
    verdicts: Sequence[VerdictRow],
    chosen: Sequence[str] = (),
    unit: str = "example",
) -> str:
    """The card of one model.

    Args:
        row: what has become of it.
        manifest: how it was made.
        line: the model and its ancestors, as `lineage.ancestors` gives them.
        verdicts: about this model, newest first.
        chosen: why it was chosen offline, in sentences; none of one that was not.
        unit: what it learned from: an example, or a transition.
    """
    sections = [
        f"# Model {row.model}",
        f"{row.state.capitalize()} in loop `{row.loop}`, published {iso(row.created_at)}.",
        "## What it learned from",
        _table(
            {
                f"{unit}s": f"{manifest.n_examples:,}",
                f"newest {unit} decided at": iso(manifest.trained_until),
                "tables": ", ".join(f"{name} at version {version}" for name, version in manifest.snapshot.items()) or "none",
                "trained while champion": f"`{manifest.parent}`" if manifest.parent else "the baseline",
                "ancestors": f"{len(line) - 1}",
            }
        ),
        "## How it was made",
        _table(
            {
                "spec": f"`{manifest.spec}`",
                "recipe": f"`{manifest.recipe}`",
                "learner": _settings(manifest.learner),
                "explorer": _settings(manifest.explorer),
                "actions": ", ".join(manifest.labels),
                "seed": str(manifest.seed),
                "policyloop": manifest.code,
            }
        ),
        "## Its own numbers",
        _table({name: _number(value) for name, value in manifest.progress.items()}) if manifest.progress else "None.",
        *(["## Why it was chosen offline", "\n".join(f"- {sentence}" for sentence in chosen)] if chosen else []),
        "## What the gate said",
        *([_told(found) for found in verdicts] or ["Nothing yet."]),
    ]
    return "\n\n".join(sections) + "\n"


def _told(found: VerdictRow) -> str:
    """One verdict: the call, each reason, and the estimates with their intervals."""
    verdict = found.verdict
    against = f"`{verdict.champion}`" if verdict.champion else "the baseline"
    reasons = "\n".join(f"- {reason.name}: {reason.sentence}" for reason in verdict.reasons)
    head = f"### {verdict.call} at {iso(found.at)} ({verdict.kind}, against {against})"
    return "\n\n".join(part for part in (head, reasons, _estimates(verdict)) if part)


def _estimates(verdict: Verdict) -> str:
    if not verdict.estimates:
        return ""
    lines = ["| policy | estimate | 95 % interval | events | ess |", "|---|---|---|---|---|"]
    for name, estimate in verdict.estimates.items():
        low, high = estimate.interval()
        lines.append(f"| {name} | {estimate.value:.4g} | {low:.4g} to {high:.4g} | {estimate.n:,} | {estimate.ess:,.0f} |")
    return "\n".join(lines)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _table(values: Mapping[str, str]) -> str:
    rows = "\n".join(f"| {name} | {_in_cell(value)} |" for name, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def _settings(plugin: Mapping[str, Any]) -> str:
    """A plug-in's name and settings on one line, those of its file among them."""
    rest = ", ".join(f"{key} {value}" for key, value in _flat(plugin).items() if key != "name")
    return f"{plugin.get('name', '?')} ({rest})" if rest else str(plugin.get("name", "?"))


def _flat(plugin: Mapping[str, Any]) -> dict[str, Any]:
    """The settings beside the name, whether or not they are kept under `settings`."""
    own = {key: value for key, value in plugin.items() if key != "settings"}
    under = plugin.get("settings", {})
    return {**own, **under} if isinstance(under, Mapping) else {**own, "settings": under}


def _in_cell(text: str) -> str:
    """Labels are any text; a bar or a line break would break the table."""
    return text.replace("|", "\\|").replace("\n", " ")
