"""The page of any JSON is true: its loop takes its object, its code prints what it says, its bounds are the code's."""

import json
import re
from pathlib import Path

from policyloop.core.spec_context import MAX_JSON_DEPTH, MAX_JSON_FIELDS, USUAL_JSON_FIELDS
from policyloop.core.spec_file import read_spec
from policyloop.ingest.context import ContextCheck
from policyloop.ingest.json_values import MAX_STRING_CHARS
from policyloop.policy import json_part
from policyloop.policy.features import Encoder
from policyloop.policy.json_leaves import MAX_PLACES, leaves_of

PAGE = (Path(__file__).parents[2] / "docs" / "any-json.md").read_text(encoding="utf-8")


def block(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_loop_takes_the_object():
    (loop,), (body,) = block("yaml"), block("json")
    spec = read_spec(loop)
    faults = []

    context = ContextCheck(spec.context).check(json.loads(body), faults)

    assert faults == []
    assert Encoder.fit(spec.context, [context.values] * 2).n_features > 20


def test_every_row_of_the_table_is_so():
    def same(one, other):
        return leaves_of(one) == leaves_of(other)

    assert same({"user": {"age": 1}, "b": 2}, {"b": 2, "user.age": 1})
    assert same({"_a": {"b": 1}}, {})
    assert same({"a": True, "b": False}, {"a": 1, "b": 0})
    assert same({"a": None}, {})
    assert len(leaves_of({"title": "cheap paint"}).strings) == 3
    assert len(leaves_of({"position": [52.5, 13.4]}).numbers) == 6
    assert len(leaves_of({"many": [1] * 100}).numbers) == 4 + MAX_PLACES == 12
    assert sorted(leaves_of({"cart": [{"price": 10}, {"price": 30}]}).numbers.values()) == [2, 20]
    assert len(leaves_of({"m": [[1, 2], [3, 6]]}).numbers) == 1 + 6


def test_the_code_prints_what_the_page_says(capsys):
    (code,) = block("python")
    (printed,) = re.findall(r"^prints\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    exec(compile(code, "docs/any-json.md", "exec"), {})

    assert capsys.readouterr().out == printed


def test_the_bounds_are_those_of_the_code():
    numbers = [
        f"`max_fields` ({USUAL_JSON_FIELDS} unless it is said otherwise, up to {MAX_JSON_FIELDS:,})",
        f"{MAX_JSON_DEPTH} levels of objects and lists, {MAX_STRING_CHARS:,} characters",
        f"the {json_part.MAX_NUMBERS} most frequent numbers and the {json_part.MAX_STRINGS} most frequent strings",
        f"into {json_part.MIN_BUCKETS} to {json_part.MAX_BUCKETS} shared features",
        f"the first {MAX_PLACES} by place",
    ]

    assert [words for words in numbers if words not in PAGE] == []
