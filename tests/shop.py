"""A loop for tests that run the whole thing: phone people like calm, desktop people like bold."""

SHOP = {
    "loop": "shop",
    "context": {
        "hour": {"type": "integer", "min": 0, "max": 23},
        "device": {"type": "category", "values": ["phone", "desktop"]},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m", "close": "final"},
    "baseline": "uniform",
    "explore": {"name": "epsilon_greedy", "floor": 0.2},
    "train": {"every": "60 examples"},
}
LIKED = {"phone": "calm", "desktop": "bold"}
