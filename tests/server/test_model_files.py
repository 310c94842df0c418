"""Models as files over HTTP: what decides now, or one by its id; checked, cached while it may be, open where the loop says."""

import base64
import hashlib

import pytest

from policyloop.core import model_file
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment
from running_app import apply_loop, running_app
from trained import train_and_promote

LATEST = "/v1/loops/front-page/models/latest"
A_PAGE = {"origin": "https://page.example"}


@pytest.fixture
def deployment(project):
    with open_deployment(Home(project / "data")) as opened:
        yield opened


def test_before_the_first_model_the_file_says_that_the_baseline_decides(served):
    answer = served.get(LATEST)

    found = model_file.unpack(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/vnd.policyloop.model")
    assert (found.spec.loop, found.model) == ("front-page", None)


def test_latest_is_the_champion_with_its_checksum_and_must_be_asked_for_again(project, deployment):
    model = train_and_promote(deployment, seed=1)

    with running_app(project) as app:
        answer = app.get(LATEST)

    sha256 = hashlib.sha256(answer.body)
    assert model_file.unpack(answer.body).model == model
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["etag"] == f'"{sha256.hexdigest()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_it_gets_a_304_without_a_body(served, known):
    etag = served.get(LATEST).headers["etag"]

    answer = served.get(LATEST, {"if-none-match": known.format(etag)})

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert "content-length" not in answer.headers


def test_latest_changes_with_the_champion_the_spec_and_a_pause_and_an_id_never_does(project, deployment):
    first = train_and_promote(deployment, seed=1)

    with running_app(project) as app:
        tags, models = [], []
        by_id = f"/v1/loops/home/models/{first}"
        before = app.get(by_id)
        for change in (
            lambda: None,
            lambda: train_and_promote(deployment, seed=2),
            lambda: apply_loop(project, explore={"floor": 0.1}),
            lambda: deployment.registry.pause("front-page"),
        ):
            change()
            answer = app.get(LATEST)
            tags.append(answer.headers["etag"])
            models.append(model_file.unpack(answer.body).model)
        after = app.get(by_id)

    assert len(set(tags)) == 4
    assert models[0] == first != models[1] == models[2]
    assert models[3] is None
    assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])
    assert after.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert model_file.unpack(after.body).model == first


def test_names_that_may_point_elsewhere_tomorrow_are_not_immutable(project, deployment):
    model = train_and_promote(deployment, seed=1)

    with running_app(project) as app:
        answers = [app.get(f"/v1/loops/front-page/models/{name}") for name in ("champion", model[:8])]

    assert [model_file.unpack(a.body).model for a in answers] == [model, model]
    assert [a.headers["cache-control"] for a in answers] == ["private, no-cache"] * 2


def test_a_page_of_another_origin_gets_nothing_unless_the_loop_says_so(project):
    with running_app(project) as app:
        closed = app.get(LATEST, A_PAGE)
        no_loop = app.get("/v1/loops/nope/models/latest", A_PAGE)

    assert [(a.status, a.json["code"]) for a in (closed, no_loop)] == [(403, "foreign_origin")] * 2
    assert "access-control-allow-origin" not in closed.headers


def test_a_loop_with_public_models_gives_them_to_any_page_and_nothing_else(tmp_path):
    apply_loop(tmp_path, public_models=True)

    with running_app(tmp_path) as app:
        opened = app.get(LATEST, A_PAGE)
        details = app.get("/v1/loops/front-page", A_PAGE)
        foreign = app.get(LATEST, {"host": "evil.example"})

    assert (opened.status, opened.headers["access-control-allow-origin"]) == (200, "*")
    assert opened.headers["cache-control"] == "public, no-cache"
    assert [(a.status, a.json["code"]) for a in (details, foreign)] == [(403, "foreign_origin"), (403, "foreign_host")]


def test_a_model_or_loop_that_is_not_there_is_a_404(served):
    answers = [served.get("/v1/loops/front-page/models/abcdef"), served.get("/v1/loops/nope/models/latest")]

    assert [(a.status, a.json["code"]) for a in answers] == [(404, "unknown_model"), (404, "unknown_loop")]
