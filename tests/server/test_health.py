"""Health and numbers over HTTP: alive, ready, and how much of what."""

from running_app import CONTEXT, running_app


def test_a_process_that_is_about_to_end_is_alive_and_not_ready(project):
    with running_app(project) as app:
        before = app.get("/readyz")
        app.app.service.is_draining = True
        after = app.get("/readyz")
        alive = app.get("/livez")

    assert (before.status, before.json) == (200, {"ready": True, "reasons": []})
    assert (after.status, after.json) == (503, {"ready": False, "reasons": ["the process is about to end"]})
    assert after.headers["retry-after"] == "1"
    assert alive.json == {"status": "alive"}


def test_what_was_asked_is_counted(project):
    with running_app(project) as app:
        for _ in range(3):
            app.post("/v1/loops/home/decide", {"context": CONTEXT})
        app.post("/v1/loops/front-page/outcomes", {"decision_id": "d", "outcomes": {"cliked": 1}})
        app.get("/no/such/path/as/this")
        lines = app.get("/metrics").body.decode().splitlines()

    expected = [
        'policyloop_decisions_total{loop="front-page",fallback="true",logged="true",worker="0"} 3',
        'policyloop_outcomes_total{loop="front-page",kind="accepted",worker="0"} 1',
        'policyloop_outcome_warnings_total{loop="front-page",worker="0"} 1',
        'policyloop_http_requests_total{method="POST",path="/v1/loops/{loop}/decide",status="200",worker="0"} 3',
        'policyloop_http_requests_total{method="",path="",status="404",worker="0"} 1',
        'policyloop_fallbacks_total{loop="front-page",reason="no_model",worker="0"} 3',
        'policyloop_serving{loop="front-page",policy="baseline",worker="0"} 1',
        'policyloop_ready{worker="0"} 1',
        'policyloop_log_writable{worker="0"} 1',
    ]
    assert [line for line in expected if line not in lines] == []


def test_every_line_of_the_numbers_is_in_prometheus_format(served):
    answer = served.get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in answer.body.decode().splitlines():
        assert line.startswith("# ") or (line.rpartition(" ")[0].endswith("}") and float(line.rpartition(" ")[2]) >= 0)
