"""A robot far away: a loop decides what it does, and a bad network neither stops it nor costs one step of its record.

    policyloop apply robot.yaml && policyloop up          # somewhere
    python robot.py http://127.0.0.1:8900 --steps 500     # on the robot; needs the small wheel policyloop-client alone

While the server is away the robot acts by itself. What it did waits on its own disk, fsynced, and is delivered later with the
source `expert`. Where an answer was lost on the way, the server is asked once more for that decision when it is back, and told
what was really done. Those decisions are in memory alone: they survive a lost network, and no restart of the robot itself.
"""

import argparse
import json
import random
import time
import uuid

try:
    from policyloop_client import Client, Unavailable
    from policyloop_client.spool import Spool
except ImportError:  # the whole of Policyloop is installed instead
    from policyloop.client import Client, Unavailable
    from policyloop.client.spool import Spool

LOOP, SPOOL, SPOOL_BYTES = "robot", "robot-spool", 64 * 2**20
NETWORK_S = 0.2  # the robot waits no longer for an answer


class Robot:
    """A cart on a rail that should stand in the middle."""

    def __init__(self, url):
        self.client = Client(url, spool=SPOOL, timeout=NETWORK_S)
        self.spool = Spool(SPOOL, max_bytes=SPOOL_BYTES)
        self.place, self.speed = random.uniform(-0.5, 0.5), 0.0
        self.episode, self.in_doubt, self.n_alone = uuid.uuid4().hex, [], 0

    def drive(self, n_steps, pause_s):
        for step in range(n_steps):
            context = self.sense()
            self.move(self.decide(context, step)["push"])
            time.sleep(pause_s)
        last = {"decision_id": f"{self.episode}-{n_steps - 1}", "outcomes": {}, "truncated": True, "next_context": self.sense()}
        self.client.outcomes(LOOP, [last])

    def sense(self):
        return {"place": self.place, "speed": self.speed}

    def move(self, push):
        self.speed += 0.05 * push
        self.place += 0.05 * self.speed

    def decide(self, context, step):
        asked = {"decision_id": f"{self.episode}-{step}", "episode_id": self.episode, "step": step}
        try:
            self.clear_doubts()
            return self.client.decide(LOOP, context, **asked).values
        except Unavailable as error:
            values = {"push": max(-1.0, min(1.0, -4.0 * self.place - 4.0 * self.speed))}
            self.n_alone += 1
            if error.in_doubt:
                self.in_doubt.append((context, asked, values))
            else:
                self.spool.append([self.row(context, asked, values)])
            return values

    def row(self, context, asked, values):
        """What the robot did by itself, as the server takes it."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        chance = {"propensity_kind": "point", "action_source": "expert", "policy": "robot"}
        return {"type": "decision", "loop": LOOP, "context": context, "values": values, **asked, **chance, "occurred_at": when}

    def clear_doubts(self):
        """Ask again for decisions whose answers were lost, in their order, and say what was done instead."""
        while self.in_doubt:
            context, asked, values = self.in_doubt[0]
            self.client.decide(LOOP, context, **asked)
            told = {"decision_id": asked["decision_id"], "outcome_id": asked["decision_id"] + "-done", "outcomes": {}}
            self.client.outcomes(LOOP, [{**told, "executed": values}])
            self.in_doubt.pop(0)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("url")
    options.add_argument("--steps", type=int, default=500)
    options.add_argument("--pause", type=float, default=0.02, help="seconds between two steps")
    given = options.parse_args()
    robot = Robot(given.url)
    robot.drive(given.steps, given.pause)
    while robot.in_doubt or not robot.client.flush(timeout=5):  # nothing may stay behind
        try:
            robot.clear_doubts()
        except Unavailable:
            time.sleep(0.5)
    print(json.dumps({"episode": robot.episode, "steps": given.steps, "alone": robot.n_alone}))


if __name__ == "__main__":
    main()
