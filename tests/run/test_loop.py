"""A loop in hand: what commands do, from Python; beside a running worker it leaves the tables alone."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

import policyloop
from policyloop.core.errors import NothingToDo, SpecRefused, TrainingFailed, UnknownLoop, UnknownModel
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_template import template_of
from policyloop.lake import views
from policyloop.run import jobs, shown
from policyloop.run.deployment import open_deployment
from policyloop.run.lease import WORK, Lease
from policyloop.run.loop import Loop
from shop import LIKED, SHOP


@pytest.fixture
def visited(shop, deployment):
    """The shop after 400 visits, opened from Python."""
    shop.visit(400)
    with Loop.open("shop", data=deployment.home.path) as loop:
        yield loop


@pytest.fixture
def trained(visited, shop):
    """The same with a model that has decided."""
    visited.train()
    shop.visit(400)
    visited.join()
    return visited


@pytest.fixture
def worker(deployment):
    """A function that starts what has the lease and ends every job in the same way."""
    is_over = threading.Event()
    threads = []

    def start(*, state, message):
        lease = Lease(deployment.records, WORK, holder="worker", clock=deployment.clock)
        assert lease.take()
        threads.append(threading.Thread(target=work, args=(state, message)))
        threads[0].start()

    def work(state, message):
        while not is_over.wait(0.02):
            job = jobs.claim(deployment.records, now_us=deployment.clock.now_us())
            if job is not None:
                jobs.finish(deployment.records, job.id, state=state, message=message, now_us=deployment.clock.now_us())

    yield start
    is_over.set()
    for thread in threads:
        thread.join()


def test_it_is_the_same_under_its_public_name():
    assert policyloop.Loop is Loop


def test_examples_are_those_of_the_tables_with_the_action_s_name(visited, deployment):
    visited.join()

    found = visited.examples()

    assert found.drop_columns("label").equals(views.examples(deployment.lake, "shop"))
    contexts = [json.loads(text) for text in found["context"].to_pylist()]
    liked = [LIKED[context["device"]] for context in contexts]
    assert (np.array(liked) == found["label"].to_numpy()).tolist() == (found["reward"].to_numpy() == 1).tolist()


def test_labels_are_those_that_the_decision_was_made_under(visited, shop, deployment):
    visited.join()
    before = visited.examples()["label"].to_pylist()

    Loop.apply({**SHOP, "actions": {"kind": "discrete", "labels": ["bold", "calm"]}}, data=deployment.home.path).close()

    assert visited.spec.labels == ("bold", "calm")
    assert visited.examples()["label"].to_pylist() == before


def test_examples_become_a_data_frame(visited):
    visited.join()

    frame = visited.examples().to_pandas()

    assert frame.groupby("label")["reward"].mean().between(0.3, 0.7).all()


def test_a_loop_without_examples_gives_an_empty_table(shop, deployment):
    with Loop.open("shop", data=deployment.home.path) as loop:
        assert loop.examples().num_rows == 0
        assert loop.models().num_rows == loop.verdicts().num_rows == 0
        assert (loop.champion, loop.join().examples) == (None, 0)
        with pytest.raises(NothingToDo, match="no example to learn from"):
            loop.train()
        with pytest.raises(NothingToDo, match="no evaluation example"):
            loop.evaluate()


def test_training_joins_trains_judges_and_promotes(visited):
    result = visited.train()

    assert result.is_promoted
    assert result.model == visited.champion == visited.models()["model"][0].as_py()
    assert result.verdict.sentence in result.sentence
    assert visited.verdicts()["verdict"].to_pylist() == ["PROMOTE"]
    assert visited.join().examples == 400


def test_a_second_training_of_the_same_examples_says_so(trained):
    first, second = trained.train(), trained.train()

    assert first.verdict is not None
    assert second.model is not None
    assert trained.models().num_rows >= 2
    assert set(first.table["policy"].to_pylist()) == {"challenger", "champion", "baseline", "difference"}


def test_evaluation_has_every_estimator_beside_the_baseline_and_the_log(trained, deployment):
    told = trained.evaluate()

    frame = told.to_pandas()
    assert told.model == trained.champion
    assert frame["policy"].tolist() == [told.model] * 8 + ["baseline"] * 8 + ["logged"]
    assert told["dr"].value == frame.query("estimator == 'dr'")["value"].iloc[0]
    assert 0.8 < told["dr"].value < 0.92  # the right action has probability .9 when it is known
    assert told.logged.value == frame["value"].iloc[-1]
    assert (frame["low"] <= frame["value"]).all()
    with pytest.raises(KeyError):
        told["drr"]


def test_any_model_can_be_evaluated_by_the_start_of_its_name(trained):
    assert trained.evaluate(trained.champion[:6]).model == trained.champion
    assert trained.evaluate("baseline").table["policy"].to_pylist() == ["baseline"] * 8 + ["logged"]
    with pytest.raises(UnknownModel):
        trained.evaluate("ffff")


def test_a_person_promotes_and_takes_back(trained):
    (first,) = trained.models()["model"].to_pylist()
    trained.rollback(why="to begin anew")

    promoted = trained.promote(first[:8], why="looks good")
    back = trained.rollback(why="it did not")

    assert (promoted.champion, promoted.previous) == (first, None)
    assert (back.champion, back.previous) == (None, first)
    assert trained.champion is None
    assert trained.verdicts(limit=2)["sentence"].to_pylist() == [
        "rolled back by a person: it did not",
        "promoted by a person: looks good",
    ]


def test_while_a_worker_runs_the_training_is_its_and_is_waited_for(visited, deployment, worker):
    worker(state="done", message="a worker did it")

    result = visited.train()

    assert (result.sentence, result.verdict) == ("a worker did it", None)
    assert visited.join().examples == 0  # the worker's to do


def test_a_worker_that_takes_long_is_not_waited_for_for_ever(visited, deployment):
    assert Lease(deployment.records, WORK, holder="worker", clock=deployment.clock).take()

    result = visited.train(timeout_s=0)

    assert (result.sentence, result.model, result.is_promoted) == ("the worker's training is queued", None, False)


def test_a_training_that_fails_at_the_worker_is_raised(visited, deployment, worker):
    worker(state="failed", message="out of memory.")

    with pytest.raises(TrainingFailed, match=r"training of loop 'shop' failed: out of memory\. It is tried again"):
        visited.train()


def test_a_loop_file_is_applied_and_opened(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(template_of(read_spec(SHOP)))

    with Loop.apply(file, data=tmp_path / "data") as loop:
        assert (loop.name, loop.spec.labels) == ("shop", ("calm", "bold"))
    with Loop.open("shop", data=tmp_path / "data") as again:
        assert again.spec.digest == loop_digest(tmp_path / "data")


def loop_digest(home):
    with open_deployment(Home(home)) as deployment:
        return deployment.registry.standing("shop").spec.digest


def test_a_change_that_a_live_model_forbids_is_refused(trained, deployment):
    with pytest.raises(SpecRefused):
        Loop.apply({**SHOP, "reward": {"expression": "1 - clicked", "range": [0, 1]}}, data=deployment.home.path)


def test_a_file_of_another_system_comes_in(tmp_path):
    file = tmp_path / "log.csv"
    rows = [f'"{n % 2}","e{n}","{n % 2 + 1}","0.5","other","[{n % 24}, ""phone""]","0.1"' for n in range(30)]
    file.write_text("\n".join(["reward,event_id,action,action_prob,model_id,observation,sample_prob", *rows]))

    with Loop.apply({**SHOP, "reward": {**SHOP["reward"], "window": "1s"}}, data=tmp_path / "data") as loop:
        told = loop.import_file("joined-csv", file)
        decisions = loop.join().decisions

    assert (told.n_decisions, told.n_evidence, decisions) == (30, 30, 30)


def test_there_is_nothing_to_open_where_nobody_made_anything(tmp_path, monkeypatch):
    with pytest.raises(NothingToDo, match="there is no data in"):
        Loop.open("shop", data=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(tmp_path)
    Loop.apply(SHOP).close()

    with pytest.raises(UnknownLoop, match="did you mean 'shop'"):
        Loop.open("shpo")
    assert (tmp_path / "policyloop-data").is_dir()


def test_results_read_well_in_a_terminal_and_in_a_notebook(trained):
    evaluation = trained.evaluate()
    champion = trained.champion[:12]
    page = trained._repr_html_() + evaluation._repr_html_()

    assert repr(trained) == f"Loop('shop': champion {champion}, baseline uniform, examples 800, models 1)"
    assert repr(evaluation).startswith(f"Evaluation({champion}: dr 0.")
    assert page.count("<table>") == page.count("</table>") == 2
    assert page.count(f">{champion}</td>") == 9


def test_another_recipe_challenges_from_python(trained):
    state = trained.challenge({"context": ["device"]}, why="hours do not matter")

    assert (state.challenge.state, state.challenge.is_waiting) == ("FROZEN", False)
    assert trained.gate().challenge.reasons[0].sentence == "Begun by a person: hours do not matter"


def test_the_result_of_a_training_tells_each_rule_s_reason(trained):
    result = trained.train()
    page = result._repr_html_()

    assert repr(result) == f"TrainResult({result.sentence})"
    assert all(f">{reason.name}</td>" in page and f">{reason.sentence}</td>" in page for reason in result.verdict.reasons)
    assert ">difference</td>" in page


def test_what_stands_in_a_page_is_escaped():
    page = shown.facts("a & b", {"<i>": "<script>"}) + shown.table(["<b>"], [["'", 1234, 0.5, None]]) + shown.paragraph("<p>")

    left, right = ('style="text-align: left"', 'style="text-align: right"')
    assert page == (
        f"<strong>a &amp; b</strong><table><tbody><tr><th {left}>&lt;i&gt;</th><td {left}>&lt;script&gt;</td></tr></tbody>"
        "</table>"
        f"<table><thead><tr><th {left}>&lt;b&gt;</th></tr></thead><tbody><tr><td {left}>&#x27;</td><td {right}>1,234</td>"
        f"<td {right}>0.5000</td><td {left}></td></tr></tbody></table><p>&lt;p&gt;</p>"
    )


def test_opening_a_loop_loads_no_server():
    heavy = ("uvicorn", "starlette", "typer", "sklearn", "matplotlib", "pandas")
    script = f"import sys, policyloop; policyloop.Loop; print([m for m in {heavy} if m in sys.modules])"

    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert told == "[]\n"
