"""Files of the Improve track protocol come in through the log, and our join makes of them what its own merge does."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from empty_records import with_records
from improve_themes import DATA, DECISION, REWARD, THEMES, decision, needs_fixtures, reward
from policyloop.core.clock import US_PER_S
from policyloop.core.errors import Fault, Invalid
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.compare import evidence
from policyloop.interop.formats.improve import read
from policyloop.interop.imported_row import ImportedReport, ImportedRow
from policyloop.join.history import examples_of
from policyloop.join.hours import audit_loop, join_loop
from policyloop.lake import views
from policyloop.lake.action_sets import offered_sets
from policyloop.learn.train import encoded, fit_encoders
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.importing import import_files
from policyloop.run.refresh import refresh
from policyloop.run.watches.trusted import trusted

MERGE = DATA / "merge"
SLOW = pytest.mark.slow
SPEC = read_spec(THEMES)


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(with_records(tmp_path / "data"))) as opened:
        yield opened


def spec_of(model):
    return read_spec(THEMES | {"aliases": [model]})


def bring_in(deployment, files, spec=SPEC):
    """Import files, one command each, and join after each."""
    deployment.registry.apply(spec)
    for file in files:
        import_files(deployment, spec, file_format="improve", files=[file])
        with ship_by_hand(deployment):
            pass
        join_loop(deployment.lake, deployment.records, spec, watermark=deployment.clock.now_us() + 10 * US_PER_S)


def item_of(candidate):
    """The item that a stored candidate was made of."""
    features = candidate["features"]
    return features["item"] if features is not None and set(features) == {"item"} else features


def merged(deployment, spec=SPEC):
    """What our tables say, in the columns of the protocol's own decision files."""
    rewards = {}
    for row in views.outcomes(deployment.lake, spec.loop).to_pylist():
        rewards.setdefault(row["decision_id"], {})[row["outcome_id"]] = row["value"]
    examples = views.examples(deployment.lake, spec.loop)
    sets = offered_sets(deployment.lake, spec.loop, examples["actions"].to_pylist())
    decisions = views.decisions(deployment.lake, spec.loop).to_pylist()
    whole = {row["decision_id"]: json.loads(row["extra"] or "{}") for row in decisions}  # of what was cut to fit the fields
    found = {}
    for row in examples.to_pylist():
        beside = whole[row["decision_id"]]
        item, *sample = json.loads(sets.of(row["actions"]).json)
        assert row["propensity_kind"] == "estimated"
        found[row["decision_id"]] = {
            "item": item_of({"features": item["features"]["features"]}),
            "sample": item_of({"features": sample[0]["features"]["features"]}) if sample else None,
            "context": json.loads(beside["context"]) if "context" in beside else json.loads(row["context"])["given"],
            "count": json.loads(row["density"])["count"],
            "rewards": rewards.get(row["decision_id"], {}),
            "reward": row["reward"],
        }
    return found


def expected(path):
    """The decisions of a file of the protocol's own; JSON texts are read."""
    texts = ("item", "sample", "context", "rewards")
    return {
        row["decision_id"]: {
            **{name: None if row[name] is None else json.loads(row[name]) for name in texts},
            "count": row["count"],
            "reward": pytest.approx(row["reward"], rel=1e-15),  # sums are taken in another order
        }
        for row in pq.read_table(path, partitioning=None).to_pylist()
        if row["count"] is not None
    }


@needs_fixtures
@pytest.mark.parametrize(
    ("model", "files", "result"),
    [
        ("appconfig", ["model-initial-batch.gz"], "model-initial-batch.parquet"),
        ("appconfig", ["model-initial-batch.parquet", "model-only-rewards-batch.gz"], "model-batches-merged.parquet"),
        ("appconfig", ["model-only-rewards-batch.gz", "model-initial-batch.gz"], "model-batches-merged.parquet"),
        ("appconfig", ["model-only-rewards-batch.parquet", "model-initial-batch.parquet"], "model-batches-merged.parquet"),
        ("appconfig", ["model-initial-batch.gz", "model-additional-rewards.parquet"], "model-batches-merged.parquet"),
        ("appconfig", ["model-null-variants.gz"], "model-null-variants-result.parquet"),
        (
            "appconfig",
            ["model-null-variants.parquet", "model-additional-rewards.parquet"],
            "model-batches-merged-null-variants.parquet",
        ),
        (
            "appconfig",
            ["model-test-json-property.gz", "model-test-json-property.parquet"],
            "model-test-json-property-result.parquet",
        ),
    ],
    ids=str,
)
def test_our_join_is_its_merge(deployment, model, files, result):
    bring_in(deployment, [MERGE / f"{model}-{file}" for file in files], spec_of(model))

    assert merged(deployment) == expected(MERGE / f"{model}-{result}")


@needs_fixtures
@pytest.mark.parametrize(
    ("model", "result"),
    [("appconfig", "appconfig-model"), ("dummy-model-0", "dummy-model-0"), ("dummy-model-1", "dummy-model-1")],
)
@pytest.mark.parametrize("decisions", ["initial-batch", "initial-batch-additional-columns"])
@pytest.mark.parametrize("are_rewards_first", [False, True])
def test_of_a_file_with_several_models_a_loop_takes_its_own(deployment, model, result, decisions, are_rewards_first):
    files = [MERGE / f"multiple-models-{decisions}.gz", MERGE / "multiple-models-only-rewards-batch.gz"]

    bring_in(deployment, reversed(files) if are_rewards_first else files, spec_of(model))

    assert merged(deployment) == expected(MERGE / f"multiple-models-{result}-batches-merged.parquet")


@needs_fixtures
def test_importing_everything_twice_and_in_another_order_changes_nothing(deployment):
    files = [MERGE / "appconfig-model-initial-batch.gz", MERGE / "appconfig-model-only-rewards-batch.gz"]
    bring_in(deployment, [*files, *reversed(files), MERGE / "appconfig-model-batches-merged.parquet"])

    assert merged(deployment) == expected(MERGE / "appconfig-model-batches-merged.parquet")
    assert audit_loop(deployment.lake, deployment.records, "themes").conflict == 0


@needs_fixtures
def test_records_of_older_clients_come_in(deployment):
    (file,) = (DATA / "ingest").iterdir()
    bring_in(deployment, [file], spec_of("test-model-2"))

    got = merged(deployment)

    assert len(got) == 6
    alone = {"item": "asd", "sample": None, "context": None, "count": 1, "rewards": {}, "reward": 0.0}
    assert all(one == alone for one in got.values())


@needs_fixtures
@pytest.mark.parametrize(
    ("folder", "counts"),
    [
        pytest.param("small_amount_of_decisions", (100, 13, 0), id="a hundred decisions"),
        pytest.param("decisions/2022/05/20", (7110, 868, 4), id="a day", marks=SLOW),
    ],
)
def test_a_decision_file_comes_in_with_its_orphans(deployment, folder, counts):
    (file,) = parquet_in(DATA / "parquet_reading" / folder)
    bring_in(deployment, [file])

    audit = audit_loop(deployment.lake, deployment.records, "themes")

    assert merged(deployment) == expected(file)
    assert (audit.decisions, audit.joined, audit.orphan) == counts


@needs_fixtures
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param("small_amount_of_decisions", id="a hundred decisions"),
        pytest.param("decisions/2022/05/20", id="a day", marks=SLOW),
    ],
)
def test_their_propensities_are_estimated_for_learning_and_are_no_evidence(deployment, folder):
    bring_in(deployment, parquet_in(DATA / "parquet_reading" / folder))
    examples, _ = examples_of(deployment.lake, deployment.registry, SPEC)

    encoders = fit_encoders(examples, SPEC)
    weighed = encoded(examples, encoders, is_weighed=True)

    assert (examples.sampled[:, 0] >= 1).all()
    assert set(examples.propensity_kind) == {"unknown"}
    assert len(evidence(examples, split=0.0)) == 0
    assert ((weighed.propensity > 0) & (weighed.propensity <= 1)).all()
    assert (weighed.propensity[examples.sampled[:, 0] == 1] == 1).all()


@needs_fixtures
def test_a_file_that_is_cut_off_is_refused_whole(deployment):
    with pytest.raises(Invalid, match=r"11\.parquet: cannot be read: .*; expected JSON lines, gzip or plain, or Parquet"):
        bring_in(deployment, [DATA / "parquet_reading" / "decisions" / "2022" / "05" / "20" / "11.parquet"])

    assert list(deployment.home.log.glob("*.plog")) == []


@needs_fixtures
@pytest.mark.parametrize(
    "files",
    [
        pytest.param(["parquet_reading/small_amount_of_decisions"], id="a hundred decisions"),
        pytest.param(["merge/appconfig-model-initial-batch.gz", "merge/appconfig-model-only-rewards-batch.gz"], id="merged"),
        pytest.param(["parquet_reading/decisions/2022/05/20", "parquet_reading/decisions/2022/07"], id="two days", marks=SLOW),
    ],
)
def test_boosted_is_trained_on_the_fixtures_and_none_of_them_is_evidence(deployment, files):
    spec = read_spec(THEMES | {"learner": "boosted"})
    bring_in(deployment, [found for file in files for found in parquet_in(DATA / file)], spec)

    made = refresh(deployment, "themes")

    examples = trusted(deployment, spec).examples
    policy = entrant_of(deployment.registry, spec, made.model).policy
    first = examples.where(np.arange(len(examples)) < 20)
    pmf = policy.probabilities_of_many(first.contexts, first.allowed, first.candidates)
    assert made.verdict.call == "PROMOTE"
    assert made.n_examples == len(examples.to_learn_from(spec.train.split))
    assert deployment.registry.load("themes", made.model).manifest.learner["name"] == "boosted"
    assert np.isnan(examples.propensity).all()
    assert set(examples.propensity_kind) == {"unknown"}
    assert (examples.sampled[:, 0] > 1).all()
    np.testing.assert_allclose(pmf.sum(axis=1), 1.0)


def parquet_in(path):
    """The file, or the readable ones of a folder that are not copies of one another."""
    return [path] if path.is_file() else sorted(path.rglob("2022*.parquet"))[:1]


def rows_of(path):
    return list(read(path, SPEC, policy="file", outcome=None))


def test_plain_and_compressed_lines_are_told_apart_by_their_bytes(tmp_path):
    text = "".join(json.dumps(record) + "\n" for record in (decision(), reward())) + "\n"
    (tmp_path / "plain").write_text(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text.encode()))

    plain, packed = rows_of(tmp_path / "plain"), rows_of(tmp_path / "packed")

    assert plain == packed
    one, other = plain
    assert isinstance(one, ImportedRow)
    assert isinstance(other, ImportedReport)
    assert (one.where, one.decision.decision_id, other.report.outcome_id) == ("line 1", DECISION, REWARD)


def test_each_bad_line_is_named(tmp_path):
    lines = [json.dumps(decision()), "{", json.dumps(decision(count=0)), json.dumps(reward(model="another"))]
    (tmp_path / "file").write_text("\n".join(lines))

    _, *faults = rows_of(tmp_path / "file")

    assert all(isinstance(fault, Fault) for fault in faults)
    assert [fault.where for fault in faults] == ["line 2", "line 3.count"]


def test_a_file_without_a_record_of_the_loop_names_its_models(tmp_path):
    (tmp_path / "file").write_text(json.dumps(decision(model="another")))

    with pytest.raises(
        Invalid, match=r"has no record of themes, appconfig; expected some\. Its models are another: name the one"
    ):
        rows_of(tmp_path / "file")


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1 and then nothing",
        b"\x1f\x8b and then nothing",
        gzip.compress(json.dumps(decision()).encode() * 20)[:-12],
    ],
)
def test_a_damaged_file_is_unreadable(tmp_path, content):
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(Invalid, match=r"cannot be read: .*; expected JSON lines, gzip or plain, or Parquet"):
        rows_of(tmp_path / "file")


def test_parquet_needs_its_columns_and_json_in_them(tmp_path):
    pq.write_table(pa.table({"decision_id": [DECISION]}), tmp_path / "narrow")
    columns = {"decision_id": [DECISION, DECISION], "count": [2.0, 2.5], "item": ["{", "1"], "rewards": ["[]", '{"x": 1}']}
    pq.write_table(pa.table(columns), tmp_path / "odd")

    with pytest.raises(Invalid, match="has no column count; expected decision_id, item, context, count, sample, rewards"):
        rows_of(tmp_path / "narrow")
    assert [fault.where for fault in rows_of(tmp_path / "odd")] == ["row 1.item", "row 2.count"]
