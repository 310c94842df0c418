"""The ledger of a reading: what is refused, and the one option that would mend it all."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.interop.historian.ledger import Ledger


def refusal(ledger):
    with pytest.raises(Invalid) as caught:
        ledger.raise_if_any("the history in h.csv")
    return str(caught.value).splitlines()


def test_one_fault_names_its_repair_and_no_more_is_said():
    ledger = Ledger(frozenset())
    ledger.settle("sort", "step", "is out of order.", n=1)

    assert refusal(ledger) == ["step: is out of order. Mend the file, or ask for `--repair sort`."]


def test_the_last_line_has_every_repair_that_was_asked_for_and_is_needed():
    ledger = Ledger(frozenset({"sort", "clip-actions"}))
    ledger.settle("clip-actions", "valve", "is 99.", n=1)
    ledger.settle("drop-nan", "level", "is missing.", n=2)
    ledger.settle("drop-nan", "inflow", "is missing.", n=2)

    assert refusal(ledger)[-1] == "Every repair together: `--repair clip-actions,drop-nan,sort`."


def test_a_fault_that_no_repair_mends_offers_none():
    ledger = Ledger(frozenset({"sort", "clip-actions"}))
    ledger.fault("gear", "is 'up', no label of the loop.")

    assert refusal(ledger) == ["gear: is 'up', no label of the loop."]
