"""A program with a decider at the edge, made to be killed: python edge_program.py log|spool MODEL FOLDER.

It prints each id after the decider has answered.
"""

import itertools
import sys

from policyloop.run.edge import Decider

AWAY = "http://127.0.0.1:9/v1/loops/front-page/models/latest"  # nobody listens there; the model that was kept decides

if __name__ == "__main__":
    how, model, folder = sys.argv[1:]
    decider = Decider.from_path(model, log=folder) if how == "log" else Decider.from_url(AWAY, spool=folder)
    for n in itertools.count():
        answer = decider.decide({"hour": n % 24, "device": "phone"})
        print(answer.decision_id, flush=True)
        decider.outcome(answer, clicked=n % 3 == 0, outcome_id=f"of-{answer.decision_id}")
        print(f"of-{answer.decision_id}", flush=True)
