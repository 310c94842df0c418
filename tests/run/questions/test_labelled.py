"""The taken action by its name, where callers bring the actions along: ids of small sets and of sets stored once."""

from policyloop.core.spec_file import read_spec
from policyloop.core.wire import CandidateAction, DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.log.writer import LogWriter
from policyloop.run.loop import Loop
from policyloop.serve.hot_swap import HotSwap

HATS = {
    "loop": "hats",
    "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
    "actions": {"kind": "candidates", "features": {"price": {"type": "number"}}},
    "outcomes": {"bought": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "bought", "range": [0, 1], "close": "final"},
    "baseline": "uniform",
}


def test_a_candidate_is_named_by_its_id_whether_its_set_is_small_or_large(deployment):
    deployment.registry.apply(read_spec(HATS))
    log = LogWriter(deployment.home.log, clock=deployment.clock)
    swap = HotSwap(
        deployment.registry,
        salt=deployment.registry.salt,
        clock=deployment.clock,
        append=log.append,
        on_refused=lambda *what: None,
    )
    swap.look()
    decider = swap.find("hats")
    taken = {}
    for n in (2, 3, 300) * 5:
        hats = [CandidateAction(id=f"hat-{n}-{i}", features={"price": i}) for i in range(n)]
        decided = decider.decide(DecideRequest(context={"hour": 1}, actions=hats))
        taken[decided.answer.decision_id] = decided.answer.action
        said = OutcomeRequest(decision_id=decided.answer.decision_id, outcomes={"bought": True}, final=True)
        log.append(outcome(said, decider.checks, received_at=deployment.clock.now_us()).event)
    log.close()

    with Loop.open("hats", data=deployment.home.path) as loop:
        loop.join()
        found = loop.examples()

    assert dict(zip(found["decision_id"].to_pylist(), found["label"].to_pylist(), strict=True)) == taken
    assert len({text[0] for text in found["actions"].to_pylist()}) == 2  # some sets stand in the decision, some elsewhere
