"""Providers of codes on the loopback: real HTTP, which they check as strictly as the real ones."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
ACCOUNT, TOKEN, SERVICE = "AC0123", "token", "VA0123"


@dataclass
class Fake:
    """``answers`` are statuses given before it works as it should; "hang" keeps the caller waiting, "cut" hangs up."""

    url: str = ""
    answers: list[int | str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        raise NotImplementedError


class SignedFake(Fake):
    """A gateway that believes nobody without a fresh and right signature, and sends no message twice."""

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        right = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        if headers["webhook-signature"] != "v1," + base64.b64encode(right).decode():
            return 401, {"error": "signature"}
        if abs(time.time() - int(timestamp)) > 300:
            return 401, {"error": "timestamp"}
        data = json.loads(body)["data"]
        if message_id not in self.finished:
            self.finished.add(message_id)
            if "code" in data:
                self.codes[data["phone"]] = data["code"]
        return 202, {}


class TwilioFake(Fake):
    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != f"Basic {basic}":
            return 401, {"code": 20003, "message": "Authenticate"}
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if path == f"/v2/Services/{SERVICE}/Verifications":
            reference = f"VE{len(self.references):032}"
            self.references[reference] = f"{len(self.references) + 100_000:06}"
            self.codes[fields["To"]] = self.references[reference]
            return 201, {"sid": reference, "status": "pending", "to": fields["To"]}
        if path == f"/v2/Services/{SERVICE}/VerificationCheck":
            reference = fields["VerificationSid"]
            if reference not in self.references or reference in self.finished:
                return 404, {"code": 20404, "message": "not found"}
            approved = fields["Code"] == self.references[reference]
            if approved:
                self.finished.add(reference)
            return 200, {"sid": reference, "status": "approved" if approved else "pending", "valid": approved}
        return 404, {"code": 20404, "message": "not found"}


@contextmanager
def running(fake: Fake) -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.requests.append({"path": self.path, "headers": headers, "body": body})
            planned = fake.answers.pop(0) if fake.answers else None
            if planned == "hang":
                fake.released.wait(20)
            if planned in {"hang", "cut"}:
                self.close_connection = True
                return
            status, answer = (planned, {}) if planned else fake.answer(self.path, headers, body)
            content = json.dumps(answer).encode()
            self.send_response(int(status))
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
