"""Learning curves in a report: every run of every model and of the newest search, each number in a picture of its own."""

import re
import xml.etree.ElementTree as ET

import pytest

from empty_records import with_records
from made_history import ladder
from made_loops import LADDER
from policyloop.care.report import report_of
from policyloop.care.report_curves import PANELS
from policyloop.care.report_page import page_of
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.job_folder import folder_of
from policyloop.run.episodes.offline import refresh_offline
from policyloop.run.episodes.tuning import search
from policyloop.run.runners import local

GIF = b"GIF89a" + bytes(20)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A loop with a model and a search of two attempts beside its own settings; it is only read here."""
    home = Home(with_records(tmp_path_factory.mktemp("learned") / "home"))
    with open_deployment(home, SystemClock()) as deployment:
        spec = read_spec(LADDER)
        deployment.registry.apply(spec)

        def begin(kind):
            now_us = deployment.clock.now_us()
            return jobs.begin(deployment.records, "ladder", reason="asked for", n_examples=0, now_us=now_us, kind=kind)

        job, standing = begin(jobs.TRAIN), deployment.registry.standing("ladder")
        refresh_offline(deployment, standing, ladder(40), snapshot={}, job_id=job.id)
        jobs.finish(deployment.records, job.id, state="done", message="", now_us=deployment.clock.now_us())
        job = begin(jobs.TUNE)
        folder = folder_of(deployment.home, job.id)
        search(ladder(40), spec, n_attempts=2, seed=1, job_id=job.id, folder=folder, runner=local.create())
        jobs.finish(deployment.records, job.id, state="done", message="", now_us=deployment.clock.now_us())
        yield deployment


def parsed(page):
    return ET.fromstring(page.decode().removeprefix("<!doctype html>"))


def test_every_run_is_told_with_its_curve_and_its_choice(learned):
    report = report_of(learned, "ladder", since=0)

    assert [line.name.split()[0] for line in report.trainings[1:]] == ["trial"] * 3
    assert [len(line.curve) for line in report.trainings] == [4] * 4
    assert all(line.chosen in (1, 2, 3, 4) for line in report.trainings)
    assert sum(line.is_winner for line in report.trainings) == 1


def test_each_number_has_a_picture_with_a_line_for_each_run(learned):
    tree = parsed(page_of(report_of(learned, "ladder", since=0)))

    figures = tree.findall(".//figure")
    assert len(figures) == len(PANELS)
    for figure in figures:
        lines = figure.findall(".//polyline")
        assert [len(line.get("points").split()) for line in lines] == [4] * 4
        assert len(figure.findall(".//circle")) == 4


def test_points_lie_where_their_numbers_say(learned):
    report = report_of(learned, "ladder", since=0)
    tree = parsed(page_of(report))

    first = tree.find(".//figure//polyline").get("points")
    heights = [float(point.split(",")[1]) for point in first.split()]
    values = [point["q_mean"] for point in report.trainings[0].curve]
    assert sorted(range(4), key=lambda i: heights[i]) == sorted(range(4), key=lambda i: -values[i])


def test_a_film_is_shown_inside_the_page_and_only_then_are_pictures_allowed(learned):
    report = report_of(learned, "ladder", since=0)

    plain, filmed = page_of(report).decode(), page_of(report, film=GIF).decode()

    assert "img-src" not in plain
    assert "<img" not in plain
    assert "img-src data:" in filmed
    assert re.search(r'src="data:image/gif;base64,R0lGODlh', filmed)


def test_a_loop_without_episodes_has_no_such_section(shop, deployment):
    report = report_of(deployment, "shop", since=0)

    assert report.trainings == []
    assert "Learning curves" not in page_of(report).decode()
