"""Loops, models and jobs over HTTP: what holds now, and a person's hand on it."""

import time

from policyloop.run import jobs
from running_app import CONTEXT, apply_loop, running_app


def test_loops_are_listed_and_shown(project):
    with running_app(project) as app:
        listed = app.get("/v1/loops").json["loops"]
        shown = app.get("/v1/loops/front-page").json

    assert [one["loop"] for one in listed] == ["front-page"]
    assert shown["loop"] == listed[0]
    assert (shown["loop"]["champion"], shown["loop"]["serving"], shown["n_models"]) == (None, "baseline", 0)
    assert (shown["last_job"], shown["last_verdict"], shown["watermark"]) == (None, None, None)


def test_pausing_and_resuming_by_an_alias_changes_the_loop(project):
    with running_app(project) as app:
        paused = app.post("/v1/loops/home/pause")
        resumed = app.post("/v1/loops/front-page/resume")

    assert (paused.status, paused.json["loop"], paused.json["paused"]) == (200, "front-page", True)
    assert resumed.json["paused"] is False


def test_what_is_not_there_is_a_404_that_says_so(served):
    answers = [
        served.get("/v1/loops/nope"),
        served.get("/v1/loops/nope/models"),
        served.get("/v1/loops/front-page/models/abcdef/details"),
        served.post("/v1/loops/front-page/promote", {"model": "abcdef"}),
        served.get("/v1/jobs?loop=nope"),
    ]

    codes = ["unknown_loop", "unknown_loop", "unknown_model", "unknown_model", "unknown_loop"]
    assert [(a.status, a.json["code"]) for a in answers] == [(404, code) for code in codes]


def test_rolling_back_the_baseline_is_a_409(served):
    answer = served.post("/v1/loops/front-page/rollback", {})

    assert (answer.status, answer.json["code"]) == (409, "nothing_to_do")


def test_a_training_is_queued_once(project):
    with running_app(project) as app:
        first = app.post("/v1/loops/home/jobs", {"why": "a new campaign"})
        second = app.post("/v1/loops/front-page/jobs", {})
        listed = app.get("/v1/jobs?loop=front-page").json["jobs"]
        queued = jobs.last(app.app.service.records, "front-page")

    assert (first.status, first.json["state"], first.json["reason"]) == (202, "queued", "a new campaign")
    assert (second.status, second.json["code"]) == (409, "nothing_to_do")
    assert [job["id"] for job in listed] == [first.json["id"]] == [queued.id]


def test_a_loop_that_is_applied_while_the_server_runs_is_served_soon(project):
    with running_app(project) as app:
        apply_loop(project, loop="second", aliases=[])
        deadline_s = time.monotonic() + 30
        while app.post("/v1/loops/second/decide", {"context": CONTEXT}).status != 200:
            assert time.monotonic() < deadline_s, "the loop never came"
            time.sleep(0.05)

        listed = app.get("/v1/loops").json["loops"]

    assert [one["loop"] for one in listed] == ["front-page", "second"]
