"""A page: one HTML file that needs nothing beside itself, under a policy that lets nothing else in.

Question answered: what stands around the body of every page that a command writes?
"""

from __future__ import annotations

from policyloop.care.markup import Markup, element
from policyloop.care.report_style import CONTENT_SECURITY_POLICY, STYLE


def whole_page(title: str, body: Markup, *, has_pictures: bool = False) -> bytes:
    """The page, UTF-8.

    Args:
        title: of the window.
        body: what is to be read.
        has_pictures: whether pictures that are inside the page are shown.
    """
    allowed = f"{CONTENT_SECURITY_POLICY}; img-src data:" if has_pictures else CONTENT_SECURITY_POLICY
    page = element(
        "html",
        element(
            "head",
            Markup('<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{allowed}"/>'),
            element("title", title),
            element("style", Markup(STYLE)),
        ),
        element("body", element("main", body)),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n".encode()
