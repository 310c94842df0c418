"""Markup: HTML and SVG built from elements, in which text is escaped unless it is markup already.

Question answered: how can a page show anything, whatever a user called it, and stay the page that it is?
"""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is markup already. Only `element` and `joined` make it of text that others wrote."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """An element. Children that are no `Markup`, and all values of attributes, are escaped.

    Args:
        name: of the element, ours.
        attributes: `class_` is `class`, `stroke_width` is `stroke-width`; None leaves one out, numbers are shortened.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Children one after another; those that are no `Markup` are escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def _short(value: str | float) -> str:
    """A number with at most two decimals, which is finer than any screen."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
