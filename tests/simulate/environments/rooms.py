"""Environments that are one function, for the plug-in `callable`."""


def room(context, action, rng):
    """Heat a room to 21 degrees; it is lost when it freezes."""
    if context is None:
        return {"temperature": rng.uniform(15, 25), "is_night": False}
    t = context["temperature"] + (1.0 if action == "heat" else -0.5)
    return {"temperature": t, "is_night": t < 16}, -abs(t - 21), t < 10


def dial(context, action, rng):
    if context is None:
        return {"angle": 0.0}
    return {"angle": context["angle"] + action["turn"]}, 1.0, False


def wrong(context, action, rng):
    return {"angle": 0.0}


def broken(context, action, rng):
    """Its pump breaks in the second step."""
    if context is None:
        return {"angle": 0.0}
    if context["angle"] > 0:
        raise ValueError("pump broke")
    return {"angle": 1.0}, 0.0, False


def renamed(context, action, rng):
    return {"angle": 0.0} if context is None else ({"turned": 0.0}, 0.0, False)


def lost(context, action, rng):
    return {"angle": 0.0} if context is None else ({"angle": float("nan")}, 0.0, False)


def never_begins(context, action, rng):
    raise OSError("no plant")


def wordy(context, action, rng):
    return {"word": "hello"}


NOT_CALLABLE = 3
