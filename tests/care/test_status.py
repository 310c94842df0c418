"""Status: one loop on one screen, true from the first minute on."""

import io

from rich.console import Console

from policyloop.care.status import all_statuses, disk_of, status_of
from policyloop.cli.commands.status import screen_of
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import refresh


def improve(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")


def text_of(deployment) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(screen_of(deployment, None))
    return console.export_text()


def test_a_new_loop_has_nothing_yet_and_says_what_comes_first(shop, deployment):
    status = status_of(deployment, "shop")

    assert (status.n_examples, status.champion, status.last_job, status.last_verdict) == (0, None, None, None)
    assert status.traffic.join_rate is None
    assert status.waits_for.startswith("60 more examples")
    assert "the baseline decides; the first model goes live when it passes the hard checks" in text_of(deployment)


def test_after_a_refresh_the_champion_its_age_and_its_verdict_are_told(shop, deployment):
    shop.visit(80)
    improve(deployment)

    status = status_of(deployment, "shop")

    assert (status.traffic.in_all, status.n_examples, status.traffic.join_rate) == (80, 80, 1.0)
    assert status.champion == deployment.registry.standing("shop").champion
    assert abs(status.champion_since - deployment.clock.now_us()) < 60_000_000
    assert status.last_verdict.verdict == "PROMOTE"
    text = text_of(deployment)
    assert "100.0 % of the last day's decisions found an outcome; 80 examples" in text
    assert f"{status.champion[:12]}, live since" in text


def test_a_paused_loop_says_so(shop, deployment):
    deployment.registry.pause("shop")

    assert [status.is_paused for status in all_statuses(deployment)] == [True]
    assert "(paused: the baseline decides)" in text_of(deployment)


def test_the_disk_is_counted(shop, deployment):
    shop.visit(5)

    disk = disk_of(deployment)

    assert disk.size_bytes >= sum(f.stat().st_size for f in deployment.home.log.glob("*.plog"))
    assert disk.free_bytes > 0
