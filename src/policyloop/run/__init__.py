"""Where and when work runs: jobs (what), schedule (when), runners (where), and the processes of a deployment.

At the top are these processes, what they share, and the two that a program of yours holds: a loop (loop.py) and a decider
(edge.py, with `edges/`). What they do lies in folders: the looks at what is live in `watches/`, `challenges/`, all that is
about loops with `episodes/`, what a person asks in `questions/`, and `notices/` to the outside. A file in `episodes/` named
like one of another folder does the same where decisions change what comes next. `demo/` plays the whole.
"""
