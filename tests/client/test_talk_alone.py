"""``talk`` against a server that does what the test says; test_talk.py has it talk through the real one."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from superapp.localdev.places import CLONE
from tests.client.conditions import until
from tests.client.fake_server import FakeServer, two_friends
from tests.client.talking import talk


@pytest.fixture
async def stage() -> AsyncIterator[tuple[FakeServer, str, str, str]]:
    async with two_friends() as parts:
        yield parts


Stage = tuple[FakeServer, str, str, str]


async def test_script_says_its_lines_and_leaves(stage: Stage) -> None:
    server, _ada, _bo, chat = stage
    async with talk(server.url, "ada", "bo", "--leave-when-done") as ada:
        ada.type("hello", "", "//me waves", "last, without a newline at its end")
        ada.end_of_input()
        assert await ada.leaves() == 0
    assert server.texts(chat) == ["hello", "/me waves", "last, without a newline at its end"]
    assert [line[6:] for line in ada.lines if "you:" in line] == [f"you: {text}  ✓" for text in server.texts(chat)]
    # Signed out behind itself.
    assert server.devices == []


async def test_history_unread_live_messages_typing_and_read_marks(stage: Stage) -> None:
    server, ada_id, bo_id, chat = stage
    await server.say(chat, ada_id, "are you there?")
    for text in ("yes", "\x1b[2Jso what\nis it?"):
        await server.say(chat, bo_id, text)
    async with talk(server.url, "ada", "bo") as ada:
        ada.end_of_input()
        await ada.shows("is it?")
        assert [line if line.startswith(("*", "─")) else line[6:] for line in ada.lines] == [
            "* Bo · /help lists the commands",
            ada.lines[1],
            "you: are you there?  ✓✓ read",
            "── 2 unread ──",
            "Bo: yes",
            "Bo: [2Jso what",
            "is it?",
        ]
        await until(lambda: server.conversations[chat].read[ada_id] == 3)
        await server.push([ada_id], {"type": "typing", "payload": {"conversation_id": chat, "user_id": bo_id}})
        await ada.shows("* Bo is typing…")
        await server.say(chat, bo_id, "hm?")
        await ada.shows("Bo: hm?")
        await server.say(chat, ada_id, "from my phone")
        await ada.shows("you: from my phone  ✓")
        await server.push(
            [ada_id], {"type": "peer.read", "payload": {"conversation_id": chat, "user_id": bo_id, "read_seq": 5}}
        )
        await ada.shows("✓✓ Bo has read this")
        assert await ada.ends_when_asked() == 0


async def test_restart_of_the_server_loses_and_doubles_nothing(stage: Stage) -> None:
    server, _ada, bo_id, chat = stage
    async with talk(server.url, "ada", "bo") as ada:
        ada.type("before")
        await ada.shows("you: before")
        await server.stop()
        await ada.shows("reconnecting…")
        ada.type("meanwhile", "and again")
        await ada.shows("reconnecting… 2 messages waiting")
        await server.say(chat, bo_id, "from the other side")
        await server.start()
        await ada.shows("* connected again")
        await ada.shows("you: and again")
        await ada.shows("Bo: from the other side")
        assert await ada.ends_when_asked() == 0
    assert server.texts(chat) == ["before", "from the other side", "meanwhile", "and again"]
    for text in server.texts(chat):
        assert sum(text in line for line in ada.lines) == 1


async def test_older_history_page_by_page(stage: Stage) -> None:
    server, _ada, bo_id, chat = stage
    for number in range(1, 46):
        await server.say(chat, bo_id, f"text {number}.")
    async with talk(server.url, "ada", "bo", "--leave-when-done") as ada:
        await ada.shows("text 45.")
        ada.type("/history", "/history", "/history", "/who", "/nonsense")
        ada.end_of_input()
        assert await ada.leaves() == 0
    shown = [line.rpartition("text ")[2] for line in ada.lines if "Bo: text" in line]
    assert shown == [f"{n}." for n in (*range(26, 46), *range(6, 26), *range(1, 6))]
    assert "* This is where the conversation begins." in ada.lines
    assert "* Ada, Bo" in ada.lines
    assert any(line.startswith("/photo PATH") for line in ada.lines)


async def test_photo_is_sent_by_its_path(stage: Stage, tmp_path: Path) -> None:
    server, _ada, _bo, chat = stage
    (tmp_path / "cat.png").write_bytes(b"not looked at here")
    async with talk(server.url, "ada", "bo", "--leave-when-done") as ada:
        ada.type(f"/photo {tmp_path / 'cat.png'}", "look", "/photo nowhere.png")
        ada.end_of_input()
        assert await ada.leaves() == 1
    assert [message["kind"] for message in server.conversations[chat].messages] == ["photo", "text"]
    await ada.shows(f"you: [photo, 4×3, 1 kB] {server.url}/m/77  ✓")
    assert "* nowhere.png: No such file or directory" in ada.lines


async def test_refusal_is_told_and_is_the_exit_status(stage: Stage) -> None:
    server, *_ = stage
    async with talk(server.url, "ada", "bo", "--leave-when-done") as ada:
        ada.type("forbidden", "allowed")
        ada.end_of_input()
        assert await ada.leaves() == 1
    assert "* not sent: 'forbidden': blocked." in ada.lines
    await ada.shows("you: allowed")


async def test_group_by_its_title(stage: Stage) -> None:
    server, ada_id, bo_id, _chat = stage
    group = server.open("group", "Trip to \x1bLyon", ada_id, bo_id)
    await server.say(group, bo_id, "when?")
    async with talk(server.url, "ada", group, "--leave-when-done") as ada:
        ada.end_of_input()
        assert await ada.leaves() == 0
    assert ada.lines[0] == "* Trip to Lyon · /help lists the commands"
    server.conversations[group].title = "Trip"
    async with talk(server.url, "ada", "trip", "--leave-when-done") as ada:
        ada.type("tomorrow")
        ada.end_of_input()
        assert await ada.leaves() == 0
    assert server.texts(group) == ["when?", "tomorrow"]


async def test_strangers_become_friends_and_talk(stage: Stage) -> None:
    server, _ada, _bo, _chat = stage
    server.person("chi")
    async with talk(server.url, "ada", "chi") as ada:
        await ada.shows("* You and Chi are not friends yet")
        await ada.shows("* /add chi asks to be friends")
        ada.type("too early", "/add chi we met at the pool")
        await ada.shows("* Nobody would get this")
        await ada.shows("* Chi is asked.")
        async with talk(server.url, "chi", "ada", "--leave-when-done") as chi:
            await chi.shows("* Ada has asked you (“we met at the pool”). /accept ada makes you friends.")
            chi.type("/accept ada", "hello Ada")
            chi.end_of_input()
            assert await chi.leaves() == 0
        await ada.shows("Chi: hello Ada")
        ada.type("hello Chi")
        await ada.shows("you: hello Chi")


async def test_friend_request_is_shown_when_it_comes(stage: Stage) -> None:
    server, *_ = stage
    server.person("chi")
    async with talk(server.url, "ada", "bo") as ada, talk(server.url, "chi", "ada", "--leave-when-done") as chi:
        await ada.shows("* Bo ·")
        chi.type("/add ada")
        await ada.shows("* Chi asks to be your friend. /accept chi accepts.")


@pytest.mark.parametrize(
    ("handle", "to", "options", "sentence"),
    [
        ("ada", "nobody", [], "You have no friend, group or conversation called nobody"),
        ("ada", "bo", ["--password", "wrong"], "The demo people's password is the default"),
        ("nobody", "bo", [], "sign_in_failed."),
    ],
)
async def test_what_cannot_be_is_said_in_a_sentence(
    stage: Stage, handle: str, to: str, options: list[str], sentence: str
) -> None:
    server, *_ = stage
    async with talk(server.url, handle, to, *options) as talker:
        await talker.shows(sentence)
        assert await talker.leaves() == 1
        assert len(talker.lines) == 1


async def test_server_that_is_not_there_is_said_in_a_sentence() -> None:
    nowhere = FakeServer().url
    async with talk(nowhere, "ada", "bo") as talker:
        await talker.shows("Is it running? `make run` starts it.")
        assert await talker.leaves() == 1


async def test_device_that_is_replaced_ends_the_talk(stage: Stage) -> None:
    server, *_ = stage
    async with talk(server.url, "ada", "bo") as ada:
        await ada.shows("* Bo ·")
        await server.close_sockets(4409)
        await ada.shows("* This device is connected somewhere else")
        assert await ada.leaves() == 1


async def test_person_at_a_keyboard(stage: Stage) -> None:
    """Through a terminal of its own: what is typed is sent, and others learn that somebody types."""
    server, _ada, bo_id, chat = stage
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "superapp.client.talk", "--as", "ada", "--to", "bo", "--url", server.url],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=CLONE,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(terminal)
    shown = bytearray()
    loop = asyncio.get_running_loop()
    loop.add_reader(controller, lambda: shown.extend(_read_or_nothing(controller)))
    try:
        await until(lambda: "›".encode() in shown, seconds=30)
        os.write(controller, b"hello")
        await until(lambda: server.seen["typing"] == 1)
        os.write(controller, b" Bo\r")
        await until(lambda: b"you: hello Bo" in shown)
        await server.say(chat, bo_id, "hello Ada")
        await until(lambda: b"Bo: hello Ada" in shown)
        os.write(controller, b"\x04")
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        loop.remove_reader(controller)
        os.close(controller)
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert server.texts(chat) == ["hello Bo", "hello Ada"]


def _read_or_nothing(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # The other side has closed: this is how a terminal says so.
        return b""
