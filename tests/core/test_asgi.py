"""One origin: whoever is slow, or lies about their request, takes nothing from anybody else."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from superapp.accounts import services
from superapp.localdev import processes
from superapp.media.registry import MAX_UPLOAD_BYTES
from tests.media import images
from tests.processes import Gateway

# More than there are threads.
MANY = 20
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    settings = {
        "HTTP_BODY_PATIENCE_SECONDS": 4.0,
        "HTTP_BODY_BYTES_PER_SECOND": 1_000_000,
        "HTTP_ANSWER_STALLED_SECONDS": 2.0,
        "LIMITS_OVERRIDES": {"accounts.send_code.address": (2, 3600)},
    }
    with Gateway(committed_db, settings=settings) as running:
        yield running
        said = running.last_lines(100_000)
        assert "Traceback" not in said
        assert "without completing response" not in said


@pytest.fixture(scope="module")
def hasty(committed_db: Any) -> Iterator[Gateway]:
    """On which a head has one second."""
    with Gateway(committed_db, settings={"HTTP_HEAD_SECONDS": 1.0}) as running:
        yield running


@pytest.fixture(scope="module")
def token(committed_db: Any) -> str:
    user = services.create_user(phone=None, display_name="Ada")
    return services.start_session(user_id=user.id, device_name="Phone", platform="ios").access.text


@contextmanager
def line(server: Gateway, *, receive_bytes: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        yield connection


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode() + body


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (block := connection.recv(65536))
        assert block, received
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(first.split()[1]), headers, json.loads(body)


def chunked(*blocks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in (*blocks, b""))


def peers(server: Gateway) -> set[int]:
    """Ports at the other end of what the server has open."""
    open_now = psutil.Process(server.pid).net_connections("tcp")
    return {one.raddr.port for one in open_now if one.raddr}


def is_served(server: Gateway) -> bool:
    return httpx.get(f"{server.url}/healthz", timeout=PATIENCE_SECONDS, trust_env=False).status_code == 200


JSON = "Content-Type: application/json"


def test_unfinished_bodies_keep_nobody_waiting_and_are_given_up(server: Gateway) -> None:
    with ExitStack() as lines:
        waiting = [lines.enter_context(line(server)) for _ in range(MANY)]
        for connection in waiting:
            connection.sendall(request("POST", "/api/v1/auth/refresh/", JSON, "Content-Length: 100", body=b"{"))
        began = time.monotonic()
        assert is_served(server)
        # Answered while all of them were still waited for.
        assert time.monotonic() - began < 4.0
        for connection in waiting:
            status, headers, body = answer(connection)
            assert (status, headers["connection"], body["error"]["code"]) == (408, "close", "request_timeout")
            assert connection.recv(1) == b""


def test_body_that_comes_too_slowly_is_given_up(server: Gateway) -> None:
    """Every byte earns time, but not much of it."""
    with line(server) as connection:
        connection.sendall(request("POST", "/api/v1/auth/refresh/", JSON, "Content-Length: 100000", body=b"{"))
        connection.settimeout(0.2)
        for _ in range(100):
            connection.sendall(b" ")
            try:
                assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 408"
                return
            except TimeoutError:
                continue
    pytest.fail("it was waited for")


def test_readers_who_do_not_read_keep_nobody_waiting_and_are_cut_off(server: Gateway, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
    photo = httpx.post(
        f"{server.url}/api/v1/media/",
        headers=headers,
        data={"purpose": "message"},
        files={"file": ("photo.jpg", images.encoded(images.noise(4000, 3500), "JPEG", quality=95))},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    ).json()
    path = photo["variants"]["original"]["url"].partition("/media/")[2]
    whole = httpx.get(f"{server.url}/media/{path}", timeout=PATIENCE_SECONDS, trust_env=False)
    assert (whole.status_code, len(whole.content)) == (200, photo["size_bytes"])
    assert whole.headers["content-length"] == str(photo["size_bytes"])
    with ExitStack() as lines:
        deaf = [lines.enter_context(line(server, receive_bytes=4096)) for _ in range(MANY)]
        for connection in deaf:
            connection.sendall(request("GET", f"/media/{path}"))
        assert is_served(server)
        # Left unread until the server has cut them off; then the kernel's buffers hold some of it, and no more comes.
        ports = {connection.getsockname()[1] for connection in deaf}
        assert processes.wait_until(lambda: not ports & peers(server), seconds=PATIENCE_SECONDS)
        for connection in deaf:
            received = 0
            try:
                while block := connection.recv(1 << 20):
                    received += len(block)
            except ConnectionResetError:
                pass
            assert received < photo["size_bytes"]
    assert is_served(server)


def test_body_without_a_length_is_read(server: Gateway, token: str) -> None:
    with line(server) as connection:
        bearer = f"Authorization: Bearer {token}"
        body = chunked(b'{"display_', b'name": "Zed"}')
        connection.sendall(request("PATCH", "/api/v1/me/", bearer, JSON, "Transfer-Encoding: chunked", body=body))
        status, _, me = answer(connection)
        assert (status, me["display_name"]) == (200, "Zed")
        # And the connection goes on.
        connection.sendall(request("GET", "/api/v1/me/", bearer))
        assert answer(connection)[2]["display_name"] == "Zed"


def test_body_without_a_length_or_an_end_is_refused_when_it_is_too_large(server: Gateway) -> None:
    with line(server) as connection:
        head = request("POST", "/api/v1/auth/refresh/", JSON, "Transfer-Encoding: chunked")
        connection.sendall(head + b"40000\r\n" + b" " * 0x40000 + b"\r\n1\r\n \r\n")
        status, headers, body = answer(connection)
        assert (status, headers["connection"], body["error"]["code"]) == (413, "close", "body_too_large")


def test_a_hundred_megabytes_of_json_are_refused_unread(server: Gateway) -> None:
    with line(server) as connection:
        hundred = 100 * 1024 * 1024
        connection.sendall(request("POST", "/api/v1/auth/refresh/", JSON, f"Content-Length: {hundred}", body=b"["))
        status, _, body = answer(connection)
        assert (status, body["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "query",
    [
        "limit=1000000000",
        "limit=9" + "0" * 60,
        "limit=-1",
        "sort=created_at",
        "&".join(f"x{number}" for number in range(5_000)),
    ],
)
def test_query_that_asks_for_too_much_is_refused(server: Gateway, token: str, query: str) -> None:
    with line(server) as connection:
        connection.sendall(request("GET", f"/api/v1/devices/?{query}", f"Authorization: Bearer {token}"))
        status, _, body = answer(connection)
        code = "malformed_body" if len(query) > 1000 else "invalid_input"
        assert (status, body["error"]["code"]) == (400, code)
    assert is_served(server)


def test_address_of_a_million_parameters_is_cut_off(server: Gateway) -> None:
    with line(server) as connection:
        query = "&".join(f"x{number}" for number in range(1_000_000)).encode()
        try:
            connection.sendall(b"GET /api/v1/devices/?" + query + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            first = connection.recv(64)
        except (ConnectionResetError, BrokenPipeError):
            # It had read enough, and said so by hanging up.
            first = b""
        assert first == b"" or first.startswith(b"HTTP/1.1 4")
    assert is_served(server)


def test_announced_body_that_is_too_large_is_refused_before_it_is_sent(server: Gateway, token: str) -> None:
    with line(server) as connection:
        most = MAX_UPLOAD_BYTES + 256 * 1024
        headers = [f"Authorization: Bearer {token}", "Content-Type: multipart/form-data; boundary=x"]
        connection.sendall(request("POST", "/api/v1/media/", *headers, f"Content-Length: {most + 1}"))
        status, _, body = answer(connection)
        assert (status, body["error"]["code"]) == (413, "body_too_large")


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing(server: Gateway) -> None:
    for _ in range(MANY):
        with line(server) as connection:
            connection.sendall(request("POST", "/api/v1/auth/refresh/", JSON, "Content-Length: 100", body=b"{"))
    assert is_served(server)


@pytest.mark.parametrize(
    "content_type",
    [
        "a/b; foo*=bogus''x",
        "application/json; charset*=utf-8''zip",
        "a/b; charset*1*=x'y'z",
        ";;;",
        "multipart/form-data",
        "multipart/form-data; boundary=\"x\"; foo*=bogus''x",
    ],
)
def test_parameters_of_a_content_type_break_nothing(server: Gateway, content_type: str) -> None:
    with line(server) as connection:
        head = ("POST", "/api/v1/auth/refresh/?a=b", f"Content-Type: {content_type}", "Content-Length: 2")
        connection.sendall(request(*head, body=b"{}"))
        status, _, body = answer(connection)
        code = body["error"]["code"]
        assert (status, code) in {(400, "invalid_input"), (415, "unsupported_media_type")}


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a." + "x" * 300, "é" * 200, "../../etc/passwd", ""])
def test_name_of_an_uploaded_file_means_nothing(server: Gateway, token: str, name: str) -> None:
    response = httpx.post(
        f"{server.url}/api/v1/media/",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())},
        data={"purpose": "message"},
        files={"file": (name or "x", images.encoded(images.noise(1500, 1500), "JPEG", quality=95))},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    )
    assert response.status_code == 201, response.text


def test_claims_about_ones_own_address_are_not_believed(server: Gateway) -> None:
    answers = [
        httpx.post(
            f"{server.url}/api/v1/auth/codes/",
            json={"phone": f"+3361200{number:04}"},
            headers={"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        ).status_code
        for number in range(4)
    ]
    assert answers == [201, 201, 429, 429]


def test_header_with_an_underscore_is_not_the_one_of_the_proxy(committed_db: Any) -> None:
    settings = {"CLIENT_ADDRESS_HEADER": "X-Real-IP", "LIMITS_OVERRIDES": {"accounts.send_code.address": (2, 3600)}}
    with Gateway(committed_db, settings=settings) as server:
        answers = [
            httpx.post(
                f"{server.url}/api/v1/auth/codes/",
                json={"phone": f"+3361201{number:04}"},
                headers={"X-Real-IP": "203.0.113.77", "X_Real_IP": f"198.51.100.{number}"},
                timeout=PATIENCE_SECONDS,
                trust_env=False,
            ).status_code
            for number in range(4)
        ]
    assert answers == [201, 201, 429, 429]


@pytest.mark.parametrize(
    ("method", "path", "accept", "status"),
    [
        ("POST", "/media/1/original", "*/*", 405),
        ("POST", "/api/schema/", "*/*", 405),
        ("GET", "/api/docs/", "application/xml", 406),
        ("DELETE", "/api/docs/", "*/*", 405),
        ("GET", "/nothing", "application/json", 404),
    ],
)
def test_refusals_outside_the_api_have_its_shape(
    server: Gateway, method: str, path: str, accept: str, status: int
) -> None:
    response = httpx.request(method, server.url + path, headers={"Accept": accept}, trust_env=False)
    assert response.status_code == status
    assert response.json()["error"].keys() == {"code", "message", "details"}


def test_head_of_a_file_and_of_an_endpoint_have_no_body(server: Gateway, token: str) -> None:
    for path in ("/api/v1/me/", "/healthz"):
        response = httpx.head(server.url + path, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert (response.status_code, response.content) == (200, b"")


def test_answer_without_content_has_no_length_either(server: Gateway, token: str) -> None:
    response = httpx.delete(
        f"{server.url}/api/v1/blocks/1/", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers


def test_whether_it_is_alive_is_answered_without_a_thread_that_may_be_stuck(server: Gateway) -> None:
    response = httpx.get(f"{server.url}/healthz", trust_env=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    # Whatever went through a thread has one.
    assert "x-request-id" not in response.headers
    assert "x-request-id" in httpx.get(f"{server.url}/readyz", trust_env=False).headers


# --- Large bodies -----------------------------------------------------------------------------------------------------

LARGE = 60 * 1024 * 1024
FORM = "Content-Type: multipart/form-data; boundary=x"


def upload_head(token: str, query: str, length: int) -> bytes:
    headers = [f"Authorization: Bearer {token}", FORM, f"Idempotency-Key: {uuid4()}", f"Content-Length: {length}"]
    return request("POST", f"/api/v1/media/{query}", *headers)


@pytest.mark.parametrize(
    ("who", "query", "status", "code"),
    [
        ("nobody", "?purpose=message&kind=file", 401, "unauthenticated"),
        ("ada", "?purpose=message&kind=photo", 413, "file_too_large"),
        ("ada", "?purpose=avatar&kind=video", 415, "unsupported_media"),
        ("ada", "?purpose=nothing", 422, "purpose_unknown"),
        ("ada", "?purpose=message&kind=film", 400, "invalid_input"),
    ],
)
def test_large_body_that_nobody_wants_is_refused_before_it_is_sent(
    server: Gateway, token: str, who: str, query: str, status: int, code: str
) -> None:
    with line(server) as connection:
        connection.sendall(upload_head(token if who == "ada" else "wrong", query, LARGE))
        answered, headers, body = answer(connection)
        assert (answered, body["error"]["code"], headers["connection"]) == (status, code, "close")


def test_large_body_for_something_else_is_refused_before_it_is_sent(server: Gateway, token: str) -> None:
    for path in ("/api/v1/auth/refresh/", "/api/v1/me/", "/admin/"):
        with line(server) as connection:
            connection.sendall(request("POST", path, FORM, f"Content-Length: {LARGE}"))
            assert answer(connection)[0] in {401, 404, 405, 413}


def test_large_file_is_taken_on_disk_while_others_are_served(server: Gateway, token: str) -> None:
    """Sixty megabytes leave no trace in the memory of the process, and hold no thread while they are on their way."""
    content = b"\0" * (LARGE - 1000)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    body = head + content + b"\r\n--x--\r\n"
    resident = psutil.Process(server.pid).memory_info().rss
    with line(server) as connection:
        connection.sendall(upload_head(token, "?purpose=message&kind=file", len(body)))
        most = 0
        for start in range(0, len(body), 1024 * 1024):
            connection.sendall(body[start : start + 1024 * 1024])
            most = max(most, psutil.Process(server.pid).memory_info().rss)
        status, _, shown = answer(connection)
    assert status == 201, shown
    assert (shown["size_bytes"], shown["name"], shown["kind"]) == (len(content), "large.bin", "file")
    assert max(most, psutil.Process(server.pid).memory_info().rss) - resident < 40 * 1024 * 1024
    path = shown["variants"]["original"]["url"].partition("/media/")[2]
    part = httpx.get(
        f"{server.url}/media/{path}", headers={"Range": "bytes=1000-1099"}, timeout=PATIENCE_SECONDS, trust_env=False
    )
    assert (part.status_code, part.content) == (206, b"\0" * 100)
    assert part.headers["content-length"] == "100"


# --- heads ------------------------------------------------------------------------------------------------------------


def until_closed(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


@pytest.mark.parametrize("said", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-More: "])
def test_who_never_finishes_a_head_is_given_up(hasty: Gateway, said: bytes) -> None:
    with line(hasty) as connection:
        connection.sendall(said)
        assert until_closed(connection).startswith(b"HTTP/1.1 408 ")


def test_who_drips_the_second_head_is_given_up_as_well(hasty: Gateway) -> None:
    with line(hasty) as connection:
        connection.sendall(request("GET", "/healthz"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert b"HTTP/1.1 408 " in until_closed(connection)


def test_a_head_without_end_is_cut_off_by_its_size(hasty: Gateway) -> None:
    with line(hasty) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        answer = b""
        with suppress(ConnectionError):
            for number in range(2000):
                connection.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())
        with suppress(ConnectionError):
            answer = until_closed(connection)
        # Or the line was cut while more was on its way, and the answer with it.
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        assert httpx.get(f"{hasty.url}/healthz", trust_env=False).status_code == 200


def test_whoever_has_sent_a_head_is_not_hurried_by_it(hasty: Gateway) -> None:
    """A body and a socket have limits of their own."""
    body = b'{"identifier": "nobody", "password": "none", "device": {"name": "Phone", "platform": "ios"}}'
    with line(hasty) as connection:
        head = request(
            "POST", "/api/v1/auth/sign-in/password/", "Content-Type: application/json", f"Content-Length: {len(body)}"
        )
        connection.sendall(head)
        time.sleep(1.5)
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_head_has_ten_seconds(settings: Any) -> None:
    assert (settings.HTTP_HEAD_SECONDS, settings.HTTP_HEAD_BYTES) == (10.0, 65536)
