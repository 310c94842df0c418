"""What a field of any JSON costs: time per object, and how often the right action is found beside declared fields.

Time is CPU time of one thread, the best and the median of several rounds, since the machine's noise only adds. The tables are
scikit-learn's and, where POLICYLOOP_DEMO_DATA names it, shuttle: 70 % of the rows with actions drawn evenly train `linear`
in one batch, once with a field per column and once with all columns in one object; the rest tells how often the best
action is the right one.
Run: python benchmarks/any_json.py [rounds]
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine

from policyloop.core.example import Examples
from policyloop.core.loop import Field
from policyloop.core.spec_file import read_spec
from policyloop.ingest.context import ContextCheck
from policyloop.learn.train import train
from policyloop.policy import scored
from policyloop.policy.features import Encoder
from policyloop.simulate.dataset import Dataset, digits, read

MAX_ROWS = 20_000
TABLES = {"breast cancer": load_breast_cancer, "wine": load_wine}


def objects(n: int) -> list[dict[str, Any]]:
    """n objects of 20 values on two levels: 9 numbers, 9 strings, 2 booleans."""
    rng = random.Random(1)
    return [
        {
            "user": {name: rng.randint(18, 80) for name in ("age", "visits", "days")}
            | {name: rng.choice(["free", "paid", "team"]) for name in ("plan", "before", "country")},
            "device": {"os": rng.choice(["ios", "android", "web"]), "width": rng.choice([320, 768]), "is_touch": True},
            "page": {name: rng.choice("abcde") for name in ("path", "section", "referrer", "campaign")}
            | {"depth": rng.random(), "load_s": rng.random(), "n_links": rng.randint(0, 9)},
            "hour": rng.randint(0, 23),
            "weekday": rng.randint(0, 6),
            "lang": rng.choice(["de", "en"]),
            "is_new": rng.random() < 0.5,
        }
        for _ in range(n)
    ]


def flat(about: dict[str, Any]) -> dict[str, Any]:
    """The values by dotted path."""
    found: dict[str, Any] = {}
    for name, value in about.items():
        found |= {f"{name}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return found


def declared(some: list[dict[str, Any]]) -> dict[str, Field]:
    """A field per path, of the type of its values."""
    types: dict[type, dict[str, Any]] = {
        int: {"type": "number"},
        float: {"type": "number"},
        bool: {"type": "boolean"},
        str: {"type": "category"},
    }
    fields = {}
    for name, value in some[0].items():
        options = types[type(value)]
        values = {"values": tuple(sorted({one[name] for one in some}))} if isinstance(value, str) else {}
        fields[name] = Field(name=name, **options, **values)
    return fields


def microseconds(work: Callable[[Any], object], inputs: list[Any], n_rounds: int) -> str:
    """The best and the median of several rounds."""
    took_us = []
    for _ in range(n_rounds):
        began_s = time.process_time()
        for one in inputs:
            work(one)
        took_us.append((time.process_time() - began_s) / len(inputs) * 1e6)
    return f"{min(took_us):6.1f} best {statistics.median(took_us):6.1f} median"


def show_times(n_rounds: int) -> None:
    """Check and encode one object of 20 values."""
    some = objects(2000)
    flats = [flat(one) for one in some]
    kinds = ((declared(flats), flats), ({"about": Field(name="about", type="json")}, [{"about": one} for one in some]))
    checks = [microseconds(checking(fields), contexts, n_rounds) for fields, contexts in kinds]
    features = [microseconds(Encoder.fit(fields, contexts).encode, contexts, n_rounds) for fields, contexts in kinds]
    print("us of CPU for 20 values                     declared                     any JSON")
    for name, (own, any_json) in (("check", checks), ("features", features)):
        print(f"{name:<24}{own:>28}{any_json:>29}")


def checking(fields: dict[str, Field]) -> Callable[[dict[str, Any]], object]:
    """The check of a context against these fields."""
    check = ContextCheck(fields)
    return lambda context: check.check(context, [])


def share_right(data: Dataset, *, is_any: bool) -> float:
    """How often the best action of a model is the right one, on rows that it has not seen."""
    order = np.random.default_rng(0).permutation(len(data.label))[:MAX_ROWS]
    n, k, n_learned = len(order), len(data.labels), int(len(order) * 0.7)
    contexts = [{"about": dict(data.contexts[i])} if is_any else data.contexts[i] for i in order]
    document = {**data.document, "context": {"about": {"type": "json"}}} if is_any else data.document
    label, action = data.label[order], np.random.default_rng(1).integers(k, size=n)
    examples = Examples(
        contexts=contexts,
        allowed=np.ones((n, k), dtype=bool),
        action=action,
        reward=(action == label).astype(float),
        propensity=np.full(n, 1 / k),
        pmf=np.full((n, k), 1 / k),
        split=np.where(np.arange(n) < n_learned, 0.1, 0.9),
        decided_at=np.arange(n, dtype=np.int64),
        is_fallback=np.ones(n, dtype=bool),
        policy=np.array(["baseline"] * n, dtype=object),
    )
    spec = read_spec({"loop": "table", **document})
    made = train(examples, spec, seed=1, parent=None, snapshot={}, code_version="")
    policy = scored.load(made.manifest, made.tensors)
    pmf = policy.probabilities_of_many(contexts[n_learned:], np.ones((n - n_learned, k), dtype=bool))
    return float((pmf.argmax(axis=1) == label[n_learned:]).mean())


def of_arrays(name: str, loaded: Any, folder: Path) -> Dataset:
    """A data set of scikit-learn, by way of a file as a user has it."""
    rows = [",".join(map(repr, [*map(float, row), int(label)])) for row, label in zip(loaded.data, loaded.target, strict=True)]
    file = folder / name
    file.write_text("\n".join(rows), encoding="utf-8")
    return read(file)


def main(n_rounds: int) -> None:
    """Print the figures."""
    show_times(n_rounds)
    print("\nshare of right answers        declared  any JSON")
    shuttle = os.environ.get("POLICYLOOP_DEMO_DATA")
    with tempfile.TemporaryDirectory() as folder:
        tables = [digits(), *(of_arrays(name, load(), Path(folder)) for name, load in TABLES.items())]
    for data in [*tables, *([read(Path(shuttle))] if shuttle else [])]:
        shares = [share_right(data, is_any=is_any) for is_any in (False, True)]
        print(f"{data.name:<28}{shares[0]:>10.4f}{shares[1]:>10.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
