"""The join of episodes once more, slow and plain, from the words of docs/episodes.md: what the fast one must agree with.

For loops whose reward is `next.x`: events are dicts as the tables' rows are. Nothing here is shared with the package.
"""

import hashlib
import json

NEVER = 10**18


def reference_transitions(decisions, outcomes, *, watermark, window, max_steps):
    """(episode, step) -> (decision id, reward, next x, terminated, truncated) of the episodes that are over."""
    by_id = {}
    for row in decisions:
        by_id.setdefault(row["decision_id"], []).append(row)
    first = {name: min(rows, key=order) for name, rows in by_id.items()}
    conflicts = {
        name for name, rows in by_id.items() if len({(str(r["pmf"]), r["context"], str(r["density"])) for r in rows}) > 1
    }
    words = {}
    for row in sorted(outcomes, key=lambda o: (o["received_at"], o["outcome_id"], said(o), o["writer"], o["seq"])):
        if row["name"] == "$ended" and row["decision_id"] in first:
            words.setdefault(row["decision_id"], row)
    found = {}
    for episode in {row["episode_id"] for row in first.values()} - {None}:
        own = [row for row in first.values() if row["episode_id"] == episode]
        found |= of_one(episode, own, conflicts, words, watermark, window, max_steps)
    return found


def said(word):
    """Orders words of one id that came at one time: by what they say, since any of them may have been logged first."""
    flags = [str(word[name]).lower() for name in ("terminated", "truncated") if word[name] is not None]
    context = [] if word["next_context"] is None else [word["next_context"]]
    return hashlib.md5("|".join(flags + context).encode()).hexdigest()


def order(row):
    return row["decided_at"], row["writer"], row["seq"]


def of_one(episode, own, conflicts, words, watermark, window, max_steps):
    heard = [words[row["decision_id"]]["received_at"] for row in own if row["decision_id"] in words]
    last_at = max(row["decided_at"] for row in own)
    steps = {}
    for row in sorted(own, key=order):
        if row["step"] is not None and row["decision_id"] not in conflicts:
            steps.setdefault(row["step"], row)
    ends = sorted(step for step, row in steps.items() if row["decision_id"] in words)
    limit = min(steps) + max_steps - 1 if steps else NEVER
    end = ends[0] if ends and ends[0] <= limit else NEVER
    stop = min(end, limit)
    told_at_limit = end > limit and limit in steps and limit + 1 in steps
    over_at = max([last_at + 1, *(at + 1 for at in heard)]) if end < NEVER or told_at_limit else last_at + window
    if over_at > watermark:
        return {}
    rows = {}
    for step in sorted(s for s in steps if s <= stop):
        word = words[steps[step]["decision_id"]] if step == end else None
        if word is not None:
            after = None if word["next_context"] is None else json.loads(word["next_context"])["x"]
        else:
            after = json.loads(steps[step + 1]["context"])["x"] if step + 1 in steps else None
        if after is not None:
            rows[step] = (steps[step]["decision_id"], after, after, bool(word and word["terminated"]))
        elif word is not None and word["terminated"] and step - 1 in rows:  # what came of it is not known: it ended here
            rows[step - 1] = (*rows[step - 1][:3], True)
    return {(episode, step): (*row, not row[3] and step + 1 not in rows) for step, row in rows.items()}
