"""What a decider at the edge keeps of a decision, and how a server takes it in."""

import msgspec

from front_page import CONTEXT, NOW_US, SALT, front_page
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.checks import checks_of
from policyloop.ingest.imported import imported_decision
from policyloop.run.edges.keepers import decision_row
from served import decider_of, some_model


def brought_home(decider):
    request = DecideRequest(context=CONTEXT, decision_id="d-1")
    row = decision_row(request, decider.decide(request))
    del row["type"]
    return imported_decision(msgspec.convert(row, TrackedDecision), checks_of(front_page(), salt=SALT), received_at=NOW_US)[0]


def test_a_fallback_comes_home_as_one_and_a_models_decision_does_not():
    by_model, by_baseline = (brought_home(decider_of(policy)) for policy in (some_model(), None))

    assert not by_model.is_fallback
    assert by_baseline.is_fallback
    assert abs(sum(by_model.probabilities()) - 1.0) < 1e-12
