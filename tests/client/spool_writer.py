"""A process of its own that appends to a spool: python spool_writer.py HOW FOLDER NUMBER."""

import resource
import signal
import sys

from policyloop.client.errors import SpoolFull
from policyloop.client.spool import Spool


def row(number):
    return {"type": "outcome", "loop": "front-page", "decision_id": f"d{number}", "outcomes": {"clicked": 1}}


def a_hundred(spool, first):
    for number in range(first, first + 100):
        spool.append([row(number)])


def until_killed(spool, first):
    number = first
    while True:
        spool.append([row(number)])
        print(number, flush=True)
        number += 1


def beyond_the_file_limit(spool, n_bytes):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    try:
        spool.append([row(2)])
    except SpoolFull as error:
        print(error)


if __name__ == "__main__":
    globals()[sys.argv[1]](Spool(sys.argv[2], max_bytes=2**24), int(sys.argv[3]))
