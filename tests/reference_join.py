"""The join once more, slow and plain, written from the words of docs/events.md: what the fast one must agree with.

Events are dicts as the tables' rows are. Nothing here is shared with the package.
"""

import json

MAP = {"sum": sum, "max": max, "min": min, "count": len, "first": lambda v: v[0], "last": lambda v: v[-1]}
MAP["mean"] = lambda v: sum(v) / len(v)


def reference_examples(decisions, outcomes, spec, *, watermark):
    """decision_id -> the example's facts, of those that are mature."""
    examples = {}
    for decision_id in {d["decision_id"] for d in decisions}:
        records = unique([d for d in decisions if d["decision_id"] == decision_id], "writer", "seq")
        first = min(records, key=lambda d: (d["decided_at"], d["writer"], d["seq"]))
        own = unique([o for o in outcomes if o["decision_id"] == decision_id], "writer", "seq", "name")
        example = one_example(first, records, own, spec, watermark)
        if example is not None:
            examples[decision_id] = example
    return examples


def unique(rows, *key):
    return list({tuple(r[k] for k in key): r for r in rows}.values())


def one_example(first, records, reports, spec, watermark):
    kept = {}
    for o in sorted(reports, key=lambda o: (o["received_at"], o["writer"], o["seq"])):
        kept.setdefault((o["outcome_id"], o["name"]), o)
    seen = [{**o, "t": happened(o, first)} for o in kept.values()]
    seen.sort(key=lambda o: (o["t"], o["received_at"], o["outcome_id"]))

    start = first["decided_at"]
    if first["is_deferred"]:
        activations = [o["t"] for o in seen if o["name"] == "$activated"]
        if not activations:
            return None
        start = min(activations)
    end = start + round(spec.reward.window_s * 1_000_000)
    matured_at = end
    if spec.reward.close == "final":
        closing = [o["received_at"] for o in seen if o["final"]]
        matured_at = min([end, *(max(start, t) for t in closing)])
    if matured_at > watermark:
        return None

    declared = [o for o in seen if o["name"] in spec.outcomes and o["value"] is not None]
    inside = [o for o in declared if start <= o["t"] < end]
    values = {}
    for name, outcome in spec.outcomes.items():
        reported = [o["value"] for o in inside if o["name"] == name]
        if reported:
            values[name] = float(MAP[outcome.take](reported))
    reward, clipped = the_reward(values, spec, bool(inside))
    done = [json.loads(o["executed"]) for o in seen if o["executed"] is not None]
    instead = [done[0]] if done and [done[0]] != first["action"] else None
    return {
        "decided_at": first["decided_at"],
        "writer": first["writer"],
        "seq": first["seq"],
        "context": first["context"],
        "is_conflict": len({(str(r["pmf"]), r["context"]) for r in records}) > 1,
        "action": instead or first["action"],
        "propensity": None if instead else first["propensity"],
        "pmf": None if instead else first["pmf"],
        "reward": reward,
        "outcomes": values,
        "n_outcomes": len(inside),
        "n_late": len(declared) - len(inside),
        "n_duplicates": len(records) - 1 + len(reports) - len(kept),
        "is_rewarded": bool(inside),
        "is_clipped": clipped,
        "matured_at": matured_at,
    }


def happened(outcome, decision):
    """When it happened: what the client says, else when it was received; never before the decision."""
    t = outcome["received_at"] if outcome["occurred_at"] is None else outcome["occurred_at"]
    return max(t, decision["decided_at"])


def the_reward(values, spec, is_rewarded):
    if not is_rewarded:
        return spec.reward.default, False
    columns = {}
    for name, outcome in spec.outcomes.items():
        missing = 0.0 if outcome.take in ("sum", "count") else outcome.missing
        columns[name] = values.get(name, missing)
    computed = columns["clicked"] + 0.1 * min(columns["dwell_s"], 60) / 60 - columns["cost"]
    clipped = min(max(computed, spec.reward.low), spec.reward.high)
    return clipped, clipped != computed
