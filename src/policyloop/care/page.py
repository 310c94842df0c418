"""A page: one HTML file that needs nothing beside itself, under a policy that lets nothing else in.

Question answered: what stands around the body of every page that a command writes?
"""

from __future__ import annotations

from policyloop.care.markup import Markup, element
from policyloop.care.report_style import CONTENT_SECURITY_POLICY, STYLE


def whole_page(title: str, body: Markup) -> bytes:
    """The page, UTF-8.

    Args:
        title: of the window.
        body: what is to be read.
    """
    page = element(
        "html",
        element(
            "head",
            Markup('<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}"/>'),
            element("title", title),
            element("style", Markup(STYLE)),
        ),
        element("body", element("main", body)),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n".encode()
