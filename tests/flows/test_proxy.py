"""The split form behind nginx, with docs/examples/nginx.conf as it stands there: only addresses differ.

Real granian, real uvicorn, TLS. Where there is no nginx this is left out, and the run says so.
"""

import asyncio
import datetime
import os
import re
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as django_settings

from superapp.localdev import places, processes
from superapp.localdev.processes import free_port
from superapp.localdev.pytest_plugin import left_out
from superapp.localdev.stage import Addresses
from tests.media.images import encoded, noise
from tests.processes import Gateway, Web
from tests.realtime.people import friends
from tests.realtime.sockets import NO_LIMITS, Rest, enter

EXAMPLE = (places.CLONE / "docs" / "examples" / "nginx.conf").read_text()
CODES_PER_ADDRESS = 5


@dataclass(frozen=True)
class Proxy:
    """The origin as clients see it, and the processes behind it."""

    port: int
    plain_port: int
    web: Web
    gateway: Gateway
    log: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"wss://127.0.0.1:{self.port}/ws/"


@pytest.fixture(scope="module")
def proxy(committed_db: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if program is None:
        left_out("the reverse proxy of docs/examples", "there is no nginx; Debian: apt install nginx-light")
    port, plain_port = free_port(), free_port()
    options: dict[str, Any] = {
        "settings": {
            "LIMITS_OVERRIDES": NO_LIMITS | {"accounts.send_code.address": (CODES_PER_ADDRESS, 3600)},
            "REDIS_TIMEOUT_SECONDS": 20,
            "CLIENT_ADDRESS_HEADER": "X-Real-IP",
            "SECURE_SSL_REDIRECT": True,
            "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
            "SECURE_REDIRECT_EXEMPT": [r"^healthz$", r"^readyz$", r"^metrics$"],
            "MEDIA_ROOT": str(tmp_path_factory.mktemp("media")),
        },
        "environment": {"PUBLIC_ORIGIN": f"https://127.0.0.1:{port}"},
    }
    # Not pytest's directory: as root, nginx' workers are somebody else, who has to get there.
    with (
        tempfile.TemporaryDirectory(prefix="superapp-nginx-") as folder,
        Web(committed_db, **options) as web,
        Gateway(committed_db, **options) as gateway,
    ):
        configuration = configured(Path(folder), port, plain_port, web, gateway)
        log = Path(folder) / "output"
        with log.open("wb") as output:
            child = processes.spawn(
                [program, "-p", folder, "-c", configuration, "-g", "daemon off;"], output=output, directory=Path(folder)
            )
        try:
            processes.wait_until(lambda: listens(port) or not child.alive(), seconds=20)
            assert child.alive(), log.read_text()
            assert listens(port), log.read_text()
            yield Proxy(port, plain_port, web, gateway, Path(folder) / "error.log")
        finally:
            child.stop()


def configured(folder: Path, port: int, plain_port: int, web: Web, gateway: Gateway) -> Path:
    """The example with the addresses of this test. Each of them has to be found there."""
    write_certificate(folder)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    text = EXAMPLE
    for old, new in (
        ("user www-data;", user),
        ("worker_processes auto;", "worker_processes 1;"),
        ("worker_rlimit_nofile 200000;", ""),
        ("worker_connections 65536;", "worker_connections 1024;"),
        ("pid /run/nginx.pid;", f"pid {folder}/pid;"),
        ("/var/log/nginx/error.log", f"{folder}/error.log"),
        ("/var/log/nginx/access.log", f"{folder}/access.log"),
        ("http {", f"http {{ {temporary}"),
        ("server 127.0.0.1:8001;", f"server 127.0.0.1:{web.port};"),
        ("server 127.0.0.1:8002;", ""),
        ("server 127.0.0.1:8101;", f"server 127.0.0.1:{gateway.port};"),
        ("server 127.0.0.1:8102;", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/superapp/", f"{folder}/"),
    ):
        assert old in text, f"{old} is not in the example any more"
        text = text.replace(old, new)
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "superapp.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client(proxy: Proxy, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=proxy.url, verify=False, trust_env=False, timeout=30, **options)


# --- What goes through ------------------------------------------------------------------------------------------------


def test_rest_uploads_and_files_go_through(proxy: Proxy) -> None:
    one, _other, conversation_id = friends()
    with client(proxy, headers=one.header) as api:
        assert api.get("/api/v1/me/").json()["handle"] == one.handle
        # Larger than what is taken of JSON, and than nginx' own limit for it.
        photo = encoded(noise(1200, 1000), "JPEG", quality=98)
        assert len(photo) > 1024**2
        key = {"Idempotency-Key": str(uuid4())}
        answer = api.post("/api/v1/media/", data={"purpose": "message"}, files={"file": ("a.jpg", photo)}, headers=key)
        assert answer.status_code == 201, answer.text
        address = answer.json()["variants"]["original"]["url"]
        assert address.startswith(proxy.url)
        file = api.get(address)
        assert (file.status_code, file.headers["Content-Type"]) == (200, "image/jpeg")
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        sent = api.post(f"/api/v1/conversations/{conversation_id}/messages/", json={"kind": "text", "text": "四点"},
                        headers={"Idempotency-Key": str(uuid4())})  # fmt: skip
        assert sent.status_code == 201


async def test_sockets_go_through_and_hear_what_rest_says(proxy: Proxy) -> None:
    one, other, conversation_id = await asyncio.to_thread(friends)
    async with await enter(proxy, other, ssl=trusting()) as listening:
        assert (await Rest(proxy, one).send_text(conversation_id, "through two processes")).status_code == 201
        pushed = await listening.pushed("message.created")
        assert pushed["payload"]["body"] == {"text": "through two processes"}


def test_plain_http_is_sent_on_with_method_and_body(proxy: Proxy) -> None:
    answer = httpx.post(f"http://127.0.0.1:{proxy.plain_port}/api/v1/auth/codes/?a=b", trust_env=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://127.0.0.1/api/v1/auth/codes/?a=b")


def test_application_knows_that_it_was_https(proxy: Proxy) -> None:
    with client(proxy) as api:
        # Without X-Forwarded-Proto it would send everybody to where they are, for ever.
        assert api.get("/healthz").status_code == 200
        assert api.get("/api/v1/me/").status_code == 401
        # The client's own word for it does not count.
        assert api.get("/api/v1/me/", headers={"X-Forwarded-Proto": "http"}).status_code == 401


# --- Who asks ---------------------------------------------------------------------------------------------------------


def test_nobody_can_make_up_an_address(proxy: Proxy) -> None:
    """Fifty at once against a limit of five per address: five, whatever they call themselves."""

    def ask(number: int) -> int:
        made_up = f"203.0.113.{number}"
        headers = {
            "X-Forwarded-For": made_up,
            "X-Real-IP": made_up,
            "X_Real_IP": made_up,
            "Forwarded": f"for={made_up}",
            "X-Forwarded-Host": "elsewhere.example",
            "True-Client-IP": made_up,
        }
        with client(proxy, headers=headers) as api:
            return api.post("/api/v1/auth/codes/", json={"phone": f"+336123400{number:02}"}).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(50)))
    assert (answers.count(202) + answers.count(201) + answers.count(200), answers.count(429)) == (CODES_PER_ADDRESS, 45)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/readyz", "/ws/../metrics"])
def test_figures_are_not_for_the_outside(proxy: Proxy, path: str) -> None:
    with client(proxy) as api:
        answer = api.send(api.build_request("GET", httpx.URL(proxy.url + path)))
    assert answer.status_code == 404
    assert b"superapp_" not in answer.content


def test_figures_are_there_for_whoever_is_inside(proxy: Proxy) -> None:
    for port in (proxy.web.port, proxy.gateway.port):
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert b"superapp_database_up 1.0" in answer.content
    assert b"superapp_sockets" in answer.content


# --- Who is slow, large or too many -----------------------------------------------------------------------------------


def test_slow_bodies_wait_in_front_of_the_threads(proxy: Proxy) -> None:
    """More of them than there are threads, each with half a body: the others are served as if nobody was there."""
    one, *_ = friends()
    head = (
        f"POST /api/v1/media/ HTTP/1.1\r\nHost: superapp.example\r\nAuthorization: Bearer {one.token}\r\n"
        f"Idempotency-Key: {uuid4()}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 500000\r\n\r\n"
    )
    slow = []
    try:
        for _ in range(40):
            raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
            connection = trusting().wrap_socket(raw, server_hostname="superapp.example")
            connection.sendall(head.encode() + b"--x\r\n")
            slow.append(connection)
        with client(proxy, headers=one.header) as api:
            began = time.monotonic()
            for _ in range(10):
                assert api.get("/api/v1/me/").status_code == 200
            assert time.monotonic() - began < 10
    finally:
        for connection in slow:
            connection.close()


def test_what_is_too_large_is_refused_in_the_shape_of_the_api(proxy: Proxy) -> None:
    one, *_ = friends()
    with client(proxy, headers=one.header) as api:
        for size in (django_settings.API_MAX_BODY_BYTES + 10, 3_000_000):
            answer = api.post(
                "/api/v1/conversations/direct/", content=b"x" * size, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert api.get("/api/v1/me/", headers={"X-Long": "x" * 40_000}).status_code == 400
        assert api.get("/api/v1/me/").status_code == 200


def test_away_is_said_in_the_shape_of_the_api_and_ends_by_itself(proxy: Proxy) -> None:
    one, *_ = friends()
    with client(proxy, headers=one.header) as api:
        proxy.web.kill()
        answer = api.get("/api/v1/me/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
        proxy.web.restart()
        assert processes.wait_until(lambda: api.get("/api/v1/me/").status_code == 200, seconds=30)


# --- Numbers that have to agree ---------------------------------------------------------------------------------------


def seconds(name: str, block: str) -> float:
    found = re.search(rf"{name} (\d+)s;", block)
    assert found, name
    return float(found[1])


def test_limits_of_the_proxy_fit_those_of_the_application(settings: Any) -> None:
    socket_block = EXAMPLE.partition("location = /ws/ {")[2].partition("}")[0]
    assert seconds("proxy_read_timeout", socket_block) > settings.REALTIME_SILENCE_SECONDS
    uploads = EXAMPLE.partition("location = /api/v1/media/ {")[2].partition("}")[0]
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", uploads)
    assert int(megabytes) * 1024**2 >= settings.API_MAX_UPLOAD_BYTES + settings.API_MAX_BODY_BYTES
    # Every location that sets a header of its own has lost the others, unless it repeats them.
    headers = set(re.findall(r"proxy_set_header (\S+)", EXAMPLE.partition("location / {")[0])) - {"Connection"}
    assert headers <= set(re.findall(r"proxy_set_header (\S+)", socket_block))
