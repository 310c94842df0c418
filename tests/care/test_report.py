"""Reports: numbers that can be counted by hand, and a page that shows them and nothing that anyone smuggled in."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET

import pytest

from policyloop.care.report import MOST_ACTIONS, report_of
from policyloop.care.report_page import page_of
from policyloop.care.report_style import CONTENT_SECURITY_POLICY, STYLE
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import refresh
from shop import SHOP, Shop

HOSTILE = "<img src=x onerror=alert(1)> \"&' </title></style><script>alert(2)</script>"


def ship(deployment, loop="shop"):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing(loop).spec)


def improve(deployment):
    ship(deployment)
    refresh(deployment, "shop")


def parsed(page: bytes) -> ET.Element:
    """The page as a tree, which only well-formed markup becomes."""
    return ET.fromstring(page.decode().removeprefix("<!doctype html>"))


def text_of(page: bytes) -> str:
    return " ".join(" ".join(parsed(page).itertext()).split())


@pytest.fixture
def improved(shop, deployment):
    """Eighty decisions by the baseline, a model, and forty by it."""
    shop.visit(80)
    improve(deployment)
    shop.visit(40)
    ship(deployment)
    return deployment


def test_every_decision_is_counted_once_in_every_view(improved):
    report = report_of(improved, "shop", since=0)

    assert (report.n, report.reward.n, report.n_by_baseline, report.joined.value) == (120, 120, 80, 1.0)
    assert sum(stretch.n for stretch in report.stretches) == 120
    assert [sum(stretch.by_action[place] for stretch in report.stretches) for place in (0, 1)] == [
        line.n for line in report.actions
    ]
    assert sum(line.n for line in report.policies) == 120
    assert (report.audit.decisions, report.audit.joined) == (120, 120)


def test_means_are_those_of_the_examples(improved):
    report = report_of(improved, "shop", since=0)

    rewards = improved.lake.rows("examples", columns=["reward", "policy"])
    by_hand = rewards["reward"].to_pylist()
    assert report.reward.value == pytest.approx(sum(by_hand) / 120)
    total = sum(stretch.reward.value * stretch.reward.n for stretch in report.stretches if stretch.reward.n)
    assert total == pytest.approx(sum(by_hand))
    first, second = report.policies
    of_baseline = [r for r, p in zip(by_hand, rewards["policy"].to_pylist(), strict=True) if p == "baseline"]
    assert first.reward.value == pytest.approx(sum(of_baseline) / 80)
    assert second.reward.value > first.reward.value


def test_intervals_hold_the_mean_and_stay_in_the_range_of_rewards(improved):
    report = report_of(improved, "shop", since=0)

    for mean in [report.reward, *(line.reward for line in report.actions), *(s.reward for s in report.stretches)]:
        if mean.low is not None:
            assert 0.0 <= mean.low <= mean.value <= mean.high <= 1.0


def test_who_was_champion_is_told_without_a_gap(improved):
    report = report_of(improved, "shop", since=0)

    champion = improved.registry.standing("shop").champion
    assert [(reign.model, reign.how) for reign in report.reigns] == [("baseline", ""), (champion, "PROMOTE")]
    assert report.reigns[0].start == report.start
    assert report.reigns[0].end == report.reigns[1].start
    assert report.reigns[1].end == report.end


def test_a_rollback_is_a_change_too(improved):
    improved.registry.roll_back_by_person("shop", why="a test")

    report = report_of(improved, "shop", since=0)

    assert [(reign.model, reign.how) for reign in report.reigns][-1] == ("baseline", "ROLLBACK")
    assert 'class="change back"' in page_of(report).decode()
    assert "rolled back by a person: a test" in text_of(page_of(report))


def test_the_page_tells_the_headline_numbers(improved):
    report = report_of(improved, "shop", since=0)

    text = text_of(page_of(report))

    assert "Decisions 120" in text
    assert f"Mean reward {report.reward.value:#.3g}" in text
    assert "Join rate 100.0%" in text
    assert "By the baseline 66.7%" in text
    assert "New models live 1 none taken back" in text
    assert "To be looked at servers run, but no worker: nothing is joined or learned." in text


def test_decisions_from_before_are_left_out(improved):
    page = page_of(report_of(improved, "shop", since=improved.clock.now_us()))

    assert "No decision was made in this time." in text_of(page)


def test_a_loop_without_any_decision_has_a_page(shop, deployment):
    assert "No decision was made in this time." in text_of(page_of(report_of(deployment, "shop", since=0)))


def test_decisions_that_still_wait_have_no_reward_yet(shop, deployment):
    shop.decide()
    shop.log.roll()
    ship(deployment)

    report = report_of(deployment, "shop", since=0)

    assert (report.n, report.reward.n, report.reward.value, report.audit.waiting) == (1, 0, None, 1)
    assert "Mean reward – nothing is settled yet" in text_of(page_of(report))


def test_the_page_needs_nothing_beside_itself_and_is_small(improved):
    page = page_of(report_of(improved, "shop", since=0)).decode()

    assert len(page) < 2**20
    tree = parsed(page.encode())
    assert {
        tag for tag in (e.tag for e in tree.iter()) if tag in ("script", "link", "img", "iframe", "object", "a", "use")
    } == set()
    assert not [name for e in tree.iter() for name in e.attrib if name in ("src", "href", "style") or name.startswith("on")]
    assert re.findall(r"url\(|@import|https?:", page) == []


def test_the_pages_own_policy_allows_its_style_and_nothing_else(improved):
    tree = parsed(page_of(report_of(improved, "shop", since=0)))

    (policy,) = [e.get("content") for e in tree.iter("meta") if e.get("http-equiv") == "Content-Security-Policy"]
    (style,) = [e.text for e in tree.iter("style")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert (
        policy
        == CONTENT_SECURITY_POLICY
        == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
    )
    assert style == STYLE


def test_charts_have_a_title_in_words_and_their_numbers_as_tables(improved):
    tree = parsed(page_of(report_of(improved, "shop", since=0)))

    assert tree.get("lang") == "en"
    for chart in tree.iter("svg"):
        assert chart.get("role") == "img"
        assert len(chart.find("title").text) > 20
    assert len(list(tree.iter("details"))) == 4
    assert all(cell.get("scope") in ("row", "col") for cell in tree.iter("th"))


@pytest.fixture
def many(deployment):
    """A loop whose actions, outcome and reasons have hostile names; fifteen actions, each taken now and then."""
    labels = [HOSTILE, *(f"action-{i}" for i in range(14))]
    outcomes = {"clicked": {"type": "boolean", "take": "max"}}
    deployment.registry.apply(
        read_spec({**SHOP, "loop": "many", "actions": {"kind": "discrete", "labels": labels}, "outcomes": outcomes})
    )
    shop = Shop(deployment)
    shop.swap.look()
    decider = shop.swap.find("many")
    for i in range(150):
        wanted = labels[min(i % 20, 14)]
        request = DecideRequest(context={"hour": i % 24, "device": "phone"}, exclude=[one for one in labels if one != wanted])
        decided = decider.decide(request)
        told = OutcomeRequest(decision_id=decided.answer.decision_id, outcomes={"clicked": i % 2 == 0, HOSTILE: 1}, final=True)
        shop.log.append(outcome(told, decider.checks, received_at=deployment.clock.now_us()).event)
    shop.log.roll()
    ship(deployment, "many")
    yield deployment
    shop.log.close()


def test_ten_actions_are_shown_by_name_and_the_rest_together(many):
    report = report_of(many, "many", since=0)

    assert len(report.actions) == MOST_ACTIONS + 1
    assert (report.actions[0].name, report.actions[0].n) == ("action-13", 42)
    assert (report.actions[-1].name, report.actions[-1].n_actions) == ("others", 5)
    assert sum(line.n for line in report.actions) == 150
    assert report.actions[-1].reward.n == report.actions[-1].n
    assert "5 others" in text_of(page_of(report))


def test_a_hostile_name_stays_text(many):
    page = page_of(report_of(many, "many", since=0))

    tree = parsed(page)
    assert HOSTILE in " ".join(tree.itertext())
    assert "<img" not in page.decode()
    assert "<script" not in page.decode()
    assert {e.tag for e in tree.iter()} <= {
        *("html", "head", "body", "main", "meta", "title", "style", "h1", "h2", "p", "code", "dl", "div", "dt", "dd"),
        *("section", "ul", "li", "span", "svg", "line", "rect", "text", "polygon", "polyline", "circle", "details", "summary"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "footer"),
    }
