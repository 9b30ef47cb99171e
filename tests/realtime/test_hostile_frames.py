"""Frames from people who mean harm, and from clients that are broken: typed answers, and a gateway that lives on."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from websockets.frames import Frame, Opcode

from tests.processes import Gateway
from tests.realtime.people import friends, person
from tests.realtime.sockets import NO_LIMITS, PATIENCE_SECONDS, Refused, Rest, enter, entered, gateway, refusals
from tests.sizes import sizes

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[Gateway]:
    # Nobody here is to be closed for being quick.
    burst = {"REALTIME_FRAME_BURST": 1_000_000, "REALTIME_FRAMES_PER_SECOND": 1_000_000.0}
    with gateway(committed_db, LIMITS_OVERRIDES=NO_LIMITS, **burst) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_broke(server: Gateway) -> Iterator[None]:
    """Whatever a test sends, the same process answers the next one, and has logged no failure of ours."""
    pid, said_before = server.pid, server.log.stat().st_size
    yield
    assert (server.alive(), server.pid) == (True, pid)
    with server.log.open("rb") as log:
        log.seek(said_before)
        said = log.read().decode(errors="replace")
    for failure in ("_broke", "Exception in ASGI", "never retrieved", "handler_failed"):
        assert failure not in said


def memory(server: Gateway) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)


# --- what ends a socket -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"ping"',
        b"{}",
        b'{"type":7}',
        b'{"type":null}',
        b'{"type":["ping"]}',
        b'{"type":"ping","payload":[]}',
        b'{"type":"ping","payload":null}',
        b'{"type":"ping","payload":"x"}',
        b'{"type":"ping","ref":7}',
        b'{"type":"ping","ref":{}}',
        b'{"type":"ping","ref":"' + b"x" * 65 + b'"}',
        b'{"type":"ping","type":"ping"}',
        b'{"type":"ping","payload":{"a":NaN}}',
        b'{"type":"ping","payload":{"a":-Infinity}}',
        b'{"type":"ping","payload":{"a":1e999}}',
        b'{"type":"ping","payload":{"a":' + b"9" * 5000 + b"}}",
        b'{"type":"ping","payload":{"a":"\\ud83d"}}',
        b'{"type":"ping","payload":{"\\udc00":1}}',
        b'{"type":"\\ud800"}',
        b'{"type":"ping","ref":"\\ud800"}',
        b'{"type":"ping","payload":{"a":["\\ud800"]}}',
        b"\xef\xbb\xbf{}",
        b'{"type":"ping"}\x00',
        b"[" * 10_000,
        b"[" * 7_000 + b"]" * 7_000,
        b'{"type":"ping","payload":' + b'{"a":' * 2_000 + b"1" + b"}" * 2_001,
        b'{"type":"ping","payload":{"a":' + b"[" * 20 + b"]" * 20 + b"}}",
    ],
    ids=lambda data: data[:40].decode("utf-8", "replace"),
)
async def test_what_is_no_frame_closes_with_4400_and_says_why(server: Gateway, data: bytes) -> None:
    socket = await enter(server, await asyncio.to_thread(person))
    socket.frame(Opcode.TEXT, data)
    assert await socket.closed() == 4400
    assert refusals(socket) == ["malformed_body"]
    assert socket.all("error")[0]["error"]["details"].keys() == {"reason"}


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b'{"type":"ping"}'], ids=["empty", "bytes", "json"])
async def test_binary_frames_close_with_4400(server: Gateway, data: bytes) -> None:
    socket = await enter(server, await asyncio.to_thread(person))
    socket.frame(Opcode.BINARY, data)
    assert await socket.closed() == 4400


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"\xc3\x28", b'{"type":"ping","ref":"\xed\xa0\x80"}', b"\xf8\x88\x80\x80\x80", b'{"type":"\xc0\xaf"}'],
    ids=["ff", "cut", "surrogate", "five bytes", "overlong"],
)
async def test_what_is_not_utf8_closes_with_1007(server: Gateway, data: bytes) -> None:
    socket = await enter(server, await asyncio.to_thread(person))
    socket.frame(Opcode.TEXT, data)
    assert await socket.closed() == 1007


async def test_frames_that_break_the_websocket_protocol_itself_end_it(server: Gateway) -> None:
    for opcode, data, fin in (
        (Opcode.CONT, b"x", True),
        (Opcode.CLOSE, b"\x03", True),
        (Opcode.CLOSE, b"\x03\xec", True),
    ):
        socket = await enter(server, await asyncio.to_thread(person))
        socket.frame(opcode, data, fin=fin)
        assert await socket.closed() in {1002, 1005, 1006, None}


# --- too much ---------------------------------------------------------------------------------------------------------


async def test_frames_above_16_kib_close_with_1009(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, bo) as (theirs,):
        socket = await enter(server, ada)
        fits = json.dumps({"type": "ping", "payload": {"a": ""}})
        await socket.raw(fits.replace('""', '"' + "x" * (16 * 1024 - len(fits)) + '"'))
        await socket.pushed("pong")
        body = {
            "conversation_id": str(conversation_id),
            "client_id": str(uuid4()),
            "kind": "text",
            "text": "x" * 17 * 1024,
        }
        await socket.say("message.send", body)
        assert await socket.closed() == 1009
        await theirs.settled()
        assert theirs.messages() == []


async def test_a_text_of_4000_characters_fits_and_one_more_is_too_long(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada, bo) as (mine, theirs):
        for text in ("x" * 4000, "漢" * 4000):
            sent = await mine.send_text(conversation_id, text)
            assert sent["body"] == {"text": text}
            assert (await theirs.pushed("message.created", seq=sent["seq"]))["payload"] == sent
        with pytest.raises(Refused) as refusal:
            await mine.send_text(conversation_id, "x" * 4001)
        assert (refusal.value.code, refusal.value.details) == ("too_long", {"max_characters": 4000})
        await theirs.settled()
        assert len(theirs.messages()) == 2
        # Four bytes each, they do not fit into a frame by socket; REST takes them.
        response = await Rest(server, ada).send_text(conversation_id, "👍" * 4000)
        assert response.json()["body"] == {"text": "👍" * 4000}


@pytest.mark.parametrize("kind", ["fragments", "fragments of a valid frame", "pings", "depth", "keys", "numbers"])
async def test_a_mebibyte_of_anything_leaves_no_trace_in_memory(server: Gateway, kind: str) -> None:
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    async with entered(server, bo) as (witness,):
        before = memory(server)
        socket = await enter(server, ada)
        match kind:
            case "fragments":
                socket.frame(Opcode.TEXT, b"x", fin=False)
                for _ in range(MIB):
                    if socket.connection.transport.is_closing() or socket.connection.state != 1:
                        break
                    socket.frame(Opcode.CONT, b"x", fin=False)
                    if _ % 4096 == 0:
                        await asyncio.sleep(0)
                # Who is still talking when the door closes may not hear why.
                assert await socket.closed() in {1009, 1006}
            case "fragments of a valid frame":
                whole = b'{"type":"ping","ref":"in pieces"}'
                socket.frame(Opcode.TEXT, whole[:1], fin=False)
                for byte in whole[1:-1]:
                    socket.frame(Opcode.CONT, bytes([byte]), fin=False)
                socket.frame(Opcode.CONT, whole[-1:])
                assert await socket.answer("in pieces") == {}
            case "pings":
                for _ in range(MIB // 125):
                    socket.frame(Opcode.PING, b"x" * 125)
                assert await socket.ask("ping") == {}
            case "depth":
                for _ in range(8):
                    deep = await enter(server, await asyncio.to_thread(person))
                    deep.frame(Opcode.TEXT, b"[" * 16_000)
                    assert await deep.closed() == 4400
            case "keys":
                for _ in range(64):
                    keys = {f"{number:x}": 0 for number in range(1500)}
                    with pytest.raises(Refused) as refusal:
                        await socket.ask("message.send", keys)
                    assert refusal.value.code == "invalid_input"
            case "numbers":
                for _ in range(64):
                    assert await socket.ask("ping", {"a": [10**4000, 1.5e300, -0.0]}) == {}
        await socket.close()
        assert await witness.ask("ping") == {}
        assert memory(server) - before <= 10 * MIB


async def test_who_pings_and_never_reads_is_cut_off(server: Gateway) -> None:
    """Each ping is answered by a pong, which the server keeps for whoever does not read it."""
    ada, bo = await asyncio.to_thread(person), await asyncio.to_thread(person)
    async with entered(server, bo) as (witness,):
        transport = (await enter(server, ada)).connection.transport
        transport.pause_reading()
        pings = Frame(Opcode.PING, b"x" * 125, True).serialize(mask=True) * 500
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not transport.is_closing():
                if transport.get_write_buffer_size() < MIB:
                    transport.write(pings)
                await asyncio.sleep(0)
        assert await witness.ask("ping") == {}


# --- commands that make no sense --------------------------------------------------------------------------------------


def nonsense(conversation_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Commands with one thing wrong each."""
    message = {"conversation_id": conversation_id, "client_id": str(uuid4()), "kind": "text", "text": "x"}
    wrong: list[Any] = [None, True, 1, -1, 1.5, "", "x", "-1", str(2**63), "１", [], {}, [1], {"a": 1}, "\0"]
    found = [("message.send", {name: value for name, value in message.items() if name != left}) for left in message]
    found += [
        ("message.send", {**message, name: value}) for name in ("conversation_id", "client_id") for value in wrong
    ]
    found += [("message.send", {**message, "kind": value}) for value in wrong]
    found += [("message.send", {**message, "text": value}) for value in wrong if not isinstance(value, str)]
    found += [("message.send", {**message, "text": value}) for value in ("", "  ", "\0", "a\0b")]
    found += [("message.send", {**message, "kind": "photo", "asset_id": value}) for value in wrong]
    found += [("message.send", {**message, "extra": 1})]
    found += [("message.send", {**message, "mention_ids": value}) for value in wrong if value != []]
    found += [("message.send", {**message, "mentions_all": value}) for value in wrong if not isinstance(value, bool)]
    found += [("message.send", {**message, "quote_seq": value}) for value in (*wrong, 2**63) if value is not wrong[2]]
    place = {**{name: message[name] for name in ("conversation_id", "client_id")}, "kind": "location"}
    found += [
        ("message.send", {**place, "latitude": value, "longitude": 1}) for value in (None, True, "1", [], {}, 10**400)
    ]
    changes: dict[str, dict[str, Any]] = {
        "message.edit": {"text": "x"},
        "message.recall": {},
        "message.react": {"emoji": "👍", "is_added": True},
    }
    for command, good in changes.items():
        good |= {"conversation_id": conversation_id, "seq": 2}
        found += [(command, {name: value for name, value in good.items() if name != left}) for left in good]
        found += [(command, {**good, "conversation_id": value}) for value in wrong]
        found += [(command, {**good, "seq": value}) for value in [*wrong, 2**63, 10**100, 0] if value is not wrong[2]]
        found += [(command, {**good, "extra": 1})]
    found += [("message.react", {**changes["message.react"], "emoji": value}) for value in wrong]
    found += [("message.react", {**changes["message.react"], "is_added": value}) for value in (None, 1, "true", [])]
    found += [
        ("message.edit", {**changes["message.edit"], "text": value}) for value in (None, 1, [], {}, "", " ", "\0")
    ]
    mark = {"conversation_id": conversation_id, "seq": 1}
    found += [
        ("message.read", {**mark, "seq": value})
        for value in [*wrong, 2**63, 10**100, -(2**63)]
        if value != 1 or value is True
    ]
    found += [("message.read", {**mark, "conversation_id": value}) for value in wrong]
    found += [
        ("message.read", {"seq": 1}),
        ("message.read", {"conversation_id": conversation_id}),
        ("message.read", {}),
    ]
    found += [("typing", {"conversation_id": value}) for value in wrong]
    found += [("typing", {}), ("typing", {"conversation_id": conversation_id, "extra": 1})]
    found += [("subscribe", {"topic": value}) for value in (None, 1, [], {}, "x" * 101)] + [("subscribe", {})]
    return found


async def test_commands_that_make_no_sense_are_refused_with_a_typed_error(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    async with entered(server, ada, bo) as (mine, theirs):
        before = await Rest(server, ada).get(f"conversations/{conversation_id}/")
        for command, payload in nonsense(str(conversation_id)):
            with pytest.raises(Refused) as refusal:
                await mine.ask(command, payload)
            assert refusal.value.code == "invalid_input", (command, payload)
            assert refusal.value.details.keys() == {"fields"}, (command, payload)
        for unknown in ("", "message", "message.sendx", "hello", "reply", "__class__", "Ping", "x" * 5000, "\0"):
            with pytest.raises(Refused) as refusal:
                await mine.ask(unknown)
            assert refusal.value.code == "unknown_command"
        for topic in (
            "",
            ":",
            "x:1",
            "conversation",
            "conversation:",
            "conversation:x",
            "conversation:１",
            "conversation:-1",
        ):
            with pytest.raises(Refused) as refusal:
                await mine.ask("subscribe", {"topic": topic})
            assert refusal.value.code == "not_found", topic
        await theirs.settled()
        assert theirs.messages() == []
        assert await Rest(server, ada).get(f"conversations/{conversation_id}/") == before


async def test_texts_of_every_kind_arrive_exactly(server: Gateway) -> None:
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    texts = [
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "\u202bשלום\u202c \u202eevil",
        "e\u0301",
        "\u200b\u2028\x01\x7f",
        "\\u0000",
        '"}]',
        "漢字かな",
        " \n x \t ",
    ]
    async with entered(server, ada, bo) as (mine, theirs):
        for number, text in enumerate(texts):
            assert (await mine.send_text(conversation_id, text))["body"] == {"text": text}
            assert (await theirs.pushed("message.created", seq=number + 2))["payload"]["body"] == {"text": text}
        history = await Rest(server, bo).history(conversation_id)
        assert [row["body"]["text"] for row in history[1:]] == texts


# --- fuzz -------------------------------------------------------------------------------------------------------------


class Fuzz:
    """Random frames: some lawful, most not. The seed is printed when a test fails, so that it can be run again."""

    def __init__(self, seed: int, conversation_id: str) -> None:
        self.random = random.Random(seed)
        self.conversation_id = conversation_id

    def frame(self) -> tuple[Opcode, bytes, bool]:
        choose = self.random.choice
        # What ends a socket is rare, so that the others get far.
        match self.random.randrange(60):
            case 0:
                return Opcode.BINARY, self.random.randbytes(self.random.randrange(300)), True
            case 1:
                return Opcode.TEXT, self.random.randbytes(self.random.randrange(300)), True
            case 2:
                return choose([Opcode.PING, Opcode.PONG]), self.random.randbytes(self.random.randrange(100)), True
            case 3:
                return Opcode.TEXT, self.mangled(self.command()), True
            case _:
                return (
                    Opcode.TEXT,
                    json.dumps(self.command(), ensure_ascii=choose([True, False])).encode("utf-8", "surrogatepass"),
                    True,
                )

    def command(self) -> dict[str, Any]:
        apps = ["message.send", "message.read", "message.edit", "message.recall", "message.react", "typing"]
        kind = self.random.choice([*apps, "subscribe", "unsubscribe", "ping", "x"])
        names = ["conversation_id", "client_id", "kind", "text", "asset_id", "seq", "topic", "ticket"]
        names += ["emoji", "is_added", "quote_seq", "mention_ids", "latitude"]
        payload = {name: self.value(name) for name in self.random.sample(names, self.random.randrange(len(names)))}
        if kind == "message.send" and self.random.random() < 0.5:
            payload = {"conversation_id": self.conversation_id, "client_id": str(uuid4()), "kind": "text"}
            payload["text"] = self.value("text")
        if kind in {"message.read", "typing"} and self.random.random() < 0.5:
            payload = {"conversation_id": self.conversation_id} | (
                {"seq": self.value("seq")} if kind != "typing" else {}
            )
        return {"type": kind, "ref": self.random.choice([None, "r", "é" * 10]), "payload": payload}

    def value(self, name: str) -> Any:
        good = {
            "conversation_id": self.conversation_id,
            "kind": "text",
            "topic": f"conversation:{self.conversation_id}",
        }
        return self.random.choice(
            [
                good.get(name, "x"), None, True, 0, -1, 2**63, 2**64, -(2**63), 1.5, "", "a", "\0", "\ud800", "漢👍",
                "\u202e", "x" * 4001, [], {}, [[[]]], {"a": {"b": None}}, str(2**63), str(uuid4()), "user:1", 10**30,
            ]
        )  # fmt: skip

    def mangled(self, command: dict[str, Any]) -> bytes:
        data = bytearray(json.dumps(command).encode())
        for _ in range(self.random.randrange(1, 4)):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data)


async def test_fuzz_gets_typed_errors_only(server: Gateway) -> None:
    seed = random.randrange(2**32)
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    fuzz = Fuzz(seed, str(conversation_id))
    codes: dict[str, int] = {}
    ends: dict[int | None, int] = {}
    sent = 0
    before = memory(server)
    deadline = time.monotonic() + sizes.fuzz_seconds
    async with entered(server, bo) as (witness,):
        while time.monotonic() < deadline:
            # Whoever says nothing for long is closed as dead.
            assert await witness.ask("ping") == {}
            socket = await enter(server, ada)
            while socket.connection.state == 1 and time.monotonic() < deadline and len(socket.frames) < 2000:
                for _ in range(10):
                    opcode, data, fin = fuzz.frame()
                    socket.frame(opcode, data, fin=fin)
                    sent += 1
                await socket.connection.ping()
                await asyncio.sleep(0)
            await socket.close()
            ends[socket.connection.close_code] = ends.get(socket.connection.close_code, 0) + 1
            for code in refusals(socket):
                codes[code] = codes.get(code, 0) + 1
        assert await witness.ask("ping") == {}
    print(f"seed {seed}: {sent} frames, answers {codes}, ends {ends}")
    assert sent > 50
    known = {
        "malformed_body",
        "invalid_input",
        "not_found",
        "unknown_command",
        "too_long",
        "idempotency_conflict",
        "not_ready",
    }
    assert codes.keys() <= known, f"seed {seed}"
    assert ends.keys() <= {1000, 1005, 1006, 1007, 4400, 1009, None}, f"seed {seed}"
    history = await Rest(server, bo).history(conversation_id)
    assert [row["seq"] for row in history] == list(range(1, len(history) + 1))
    assert memory(server) - before <= 10 * MIB, f"seed {seed}"


async def test_fuzz_of_rest_gets_no_500(server: Gateway) -> None:
    seed = random.randrange(2**32)
    ada, bo, conversation_id = await asyncio.to_thread(friends)
    fuzz = Fuzz(seed, str(conversation_id))
    paths = [
        "conversations/", "conversations/direct/", "conversations/groups/", f"conversations/{conversation_id}/",
        f"conversations/{conversation_id}/members/", f"conversations/{conversation_id}/messages/",
        f"conversations/{conversation_id}/read/", f"conversations/{conversation_id}/typing/", "sync/", "friends/",
        f"friends/{bo.id}/", "friend-requests/", "friend-requests/1/accept/", "blocks/", "people/",
        "messaging-settings/",
        "realtime/tickets/",
    ]  # fmt: skip
    deadline = time.monotonic() + sizes.fuzz_seconds / 2
    statuses: dict[int, int] = {}
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20, headers=ada.header) as http:
        while time.monotonic() < deadline:
            path = fuzz.random.choice(paths)
            method = fuzz.random.choice(["GET", "POST", "POST", "PUT", "PATCH"])
            body = fuzz.random.choice(
                [json.dumps(fuzz.command()["payload"]).encode(), fuzz.mangled(fuzz.command()), b""]
            )
            query = fuzz.random.choice(
                ["", "?cursor=x", "?after=-1", "?limit=0", "?cursor=%ff%00", "?after=1&before=2", "?x"]
            )
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": fuzz.random.choice([str(uuid4()), "x", ""]),
            }
            url = f"{server.url}/api/v1/{path}{query}"
            response = await http.request(method, url, content=body, headers=headers)
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            assert response.status_code < 500, (seed, method, path, query, body)
            if response.status_code >= 400:
                assert response.json()["error"].keys() == {"code", "message", "details"}
    print(f"seed {seed}: {statuses}")
