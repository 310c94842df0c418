"""Lineage: the line of a model, down to the first."""

import pytest

from policyloop.core.errors import UnknownModel
from policyloop.registry.lineage import ancestors, children

LOOP = "front-page"


def test_the_line_goes_from_the_model_to_the_first(loop, publish, verdict):
    first = publish(1)
    loop.promote(LOOP, verdict(first, None))
    second = publish(2, parent=first)
    loop.promote(LOOP, verdict(second, first))
    third = publish(3, parent=second)
    rejected = publish(4, parent=second)

    models = loop.models(LOOP)

    assert [row.model for row in ancestors(models, third)] == [third, second, first]
    assert {row.model for row in children(models, second)} == {third, rejected}
    assert children(models, third) == []


def test_an_unknown_model_has_no_line(loop, publish):
    publish(1)

    with pytest.raises(UnknownModel):
        ancestors(loop.models(LOOP), "nothing")
