"""Evaluations that were asked for are computed by the worker, in a child."""

import time

from policyloop.interop.kept import Kept
from policyloop.interop.personalizer.evaluation import KIND, KeptEvaluation, total_of
from policyloop.interop.personalizer.wire import EvaluationContract, PolicyContract
from policyloop.run import jobs
from policyloop.run.questions.evaluations import JOB
from policyloop.run.work import Worker


def test_the_worker_computes_what_waits(shop, deployment):
    shop.visit(40)
    kept = Kept(deployment.records, clock=deployment.clock)
    contract = EvaluationContract(
        name="n",
        startTime="2020-01-01T00:00:00Z",
        endTime="2100-01-01T00:00:00Z",
        policies=[PolicyContract("always bold", "--constant bold")],
    )
    worker = Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=3600)
    until_s = time.monotonic() + 60
    try:
        worker.round()
        kept.put("shop", KIND, "e", KeptEvaluation(contract=contract, created_at="now", state="pending", job="1"))
        jobs.queue(deployment.records, "shop", reason="asked for", n_examples=40, now_us=deployment.clock.now_us(), kind=JOB)
        while (found := kept.find("shop", KIND, "e", KeptEvaluation)).state == "pending":
            assert time.monotonic() < until_s, jobs.history(deployment.records)
            worker.round()
            time.sleep(0.05)
    finally:
        worker.close()

    values = {result.name: total_of(result.sums, at=0) for result in found.results}
    assert found.state == "completed"
    assert values["Online"].n == 40
    assert 0 < values["always bold"].n_nonzero < 40
    assert jobs.last(deployment.records, "shop") is None  # none of it counts as a training
