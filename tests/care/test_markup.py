"""Markup: whatever text comes, the elements stay those that were meant."""

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from policyloop.care.markup import element, joined


def test_text_is_escaped_and_markup_is_not():
    made = element("p", "a < b & c", element("b", "<script>"))

    assert made == "<p>a &lt; b &amp; c<b>&lt;script&gt;</b></p>"


def test_attributes_are_escaped_renamed_and_shortened_and_none_is_left_out():
    made = element("rect", class_="a", aria_label='"><script>', stroke_width=1.50001, x=10, y=None)

    assert made == '<rect class="a" aria-label="&quot;&gt;&lt;script&gt;" stroke-width="1.5" x="10"></rect>'


def test_joined_text_is_markup_that_is_not_escaped_again():
    assert element("p", joined("<", element("b"))) == "<p>&lt;<b></b></p>"


@given(st.text(st.characters(exclude_categories=["C"])))
def test_any_text_comes_back_as_it_was(text):
    parsed = ET.fromstring(element("p", text, title=text))

    assert "".join(parsed.itertext()) == text
    assert len(parsed) == 0
