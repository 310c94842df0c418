"""Real HTTP over loopback with a script of what to do at each request, and a clock whose sleep takes no time."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Clock:
    """Real time, except that sleeping is written down and skipped."""

    def __init__(self):
        self.slept = []
        self._ahead_s = 0.0

    def now_us(self):
        return 1_793_500_000_000_000 + round(self._ahead_s * 1e6)

    def monotonic_s(self):
        return 1000.0 + self._ahead_s

    def sleep(self, seconds):
        self.slept.append(seconds)
        self._ahead_s += seconds

    def pass_by(self, seconds):
        self._ahead_s += seconds


class ScriptedServer:
    """Answers each request by the next step of the script, and as a Policyloop server would when the script is over.

    A step is (status, headers, body) or a function of the handler that writes to the socket itself.
    """

    def __init__(self):
        self.script = deque()
        self.requests = []  # (path, parsed body)
        self.n_connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                server.n_connections += 1
                super().setup()

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append((self.path, body))
                step = server.script.popleft() if server.script else ordinary(self.path, body)
                if callable(step):
                    step(self)
                    return
                status, headers, answer = step
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def paths(self):
        return [path for path, _ in self.requests]

    def bodies(self):
        return [body for _, body in self.requests]

    def stop(self):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def ordinary(path, body):
    """What a healthy server answers."""
    if path.startswith("/v1/track"):
        results = [{"status": "accepted", "id": r.get("outcome_id") or r.get("decision_id")} for r in body]
        return 200, {}, {"results": results}
    if "/decide" in path:
        return 200, {}, decided(body["decision_id"])
    if path.endswith("/action-sets"):
        return 201, {}, {"action_set": "a" * 32, "n": len(body["actions"])}
    n = len(body) if isinstance(body, list) else 1
    return 202, {}, {"accepted": n, "duplicates": 0, "warnings": []}


def decided(decision_id, **changes):
    return {
        "decision_id": decision_id,
        "decided_at": "2026-11-01T07:30:00.000000Z",
        "action": "bold",
        "index": 1,
        "propensity": 0.98,
        "policy": "0" * 32,
        "fallback": False,
        "logged": True,
        "deferred": False,
        "split": 0.25,
        **changes,
    }
