"""A server of model files over real HTTP, which can be told to answer badly, to go away and to come back."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROBLEM = {"type": "urn:policyloop:error:unknown_loop", "title": "unknown loop", "status": 404, "code": "unknown_loop"}


class ModelServer:
    """Serves `file` with its tag and checksum; `spoil` may change (status, headers, body) before they are sent."""

    def __init__(self, file: bytes) -> None:
        self.file = file
        self.spoil = lambda status, headers, body: (status, headers, body)
        self.statuses: list[int] = []
        self.tracked: list[dict] = []
        self._start(0)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/loops/front-page/models/latest"

    def go_away(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def come_back(self) -> None:
        self._start(self.port)

    def _start(self, port: int) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                sha256 = hashlib.sha256(server.file)
                tag = f'"{sha256.hexdigest()}"'
                checksum = f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
                has = self.headers.get("If-None-Match") == tag
                body = b"" if has else server.file
                headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
                headers |= {} if has else {"Content-Length": str(len(body)), "Repr-Digest": checksum}
                self.answer(*server.spoil(304 if has else 200, headers, body))

            def do_POST(self):
                rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.tracked += rows
                results = [{"status": "accepted", "id": row["decision_id"]} for row in rows]
                data = json.dumps({"results": results}).encode()
                self.answer(200, {"Content-Length": str(len(data))}, data)

            def answer(self, status, headers, body):
                server.statuses.append(status)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
