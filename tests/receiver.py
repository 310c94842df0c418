"""A receiver of webhooks on a free port of this machine, which keeps what it got and answers as it is told to."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """What came, and what is answered.

    Attributes:
        got: (path, headers with lower-case names, body) of each request.
        answers: statuses for the next requests, the first first; then 204.
    """

    def __init__(self, *answers, location, hold):
        self.got = []
        self.answers = list(answers)
        self.location = location
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if hold is not None:
                    hold.wait(30)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                if receiver.location:
                    self.send_header("location", receiver.location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?team=a"

    @property
    def events(self):
        """The bodies, as the events that they are."""
        return [json.loads(body) for _, _, body in self.got]


@contextlib.contextmanager
def receiving(*answers, location=None, hold=None, wrap=lambda server: None):
    """A receiver that runs until the end of the block; it answers once `hold` is set, and `wrap` may encrypt its socket."""
    receiver = Receiver(*answers, location=location, hold=hold)
    wrap(receiver.server)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def is_signed(headers, body, secret=SECRET):
    """Whether the signature is right, worked out as the standard tells receivers to."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(expected, headers["webhook-signature"])
