"""A conversation in a terminal: ``manage.py talk --as ada --to bo``. It uses nothing but the public API."""

import argparse
import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from superapp.client.api import Api
from superapp.client.client import Client
from superapp.client.errors import ApiError, ClientError, SocketClosed, Unreachable
from superapp.client.group_events import people_in
from superapp.client.shapes import Friend, FriendRequest, Message, Profile
from superapp.client.talk_money import HELP as MONEY_HELP
from superapp.client.talk_money import Place, TalkMoney
from superapp.client.terminal import Keyboard, Pipe, Terminal
from superapp.client.transcript import SAID, Transcript, harmless, one_line
from superapp.client.updates import (
    ConversationLost,
    FriendAdded,
    FriendRequested,
    MessageAdded,
    PeerRead,
    Pushed,
    Refused,
    Sent,
    State,
    StateChanged,
    Typing,
    Update,
)
from superapp.client.wallet import Wallet

#: Every demo person's password; the demo data takes it from here.
DEMO_PASSWORD = "superapp-demo"  # noqa: S105 (a public example, refused in production)
#: The payment PIN of those who have one.
DEMO_PIN = "271828"

HISTORY = 20
TYPING_SHOWN_SECONDS = 5.0
GOODBYE_SECONDS = 3.0

HELP = f"""\
/photo PATH         send a picture
/reply TEXT         answer the last message of somebody else
/react EMOJI        react to it
/edit TEXT          say what you said last otherwise
/recall             take it back
/history            show older messages
/who                who is in this conversation
/add HANDLE [TEXT]  ask somebody to be friends, with a greeting
/accept HANDLE      become friends with somebody who asked
/find BEGINNING     whose handle begins so
/online             which friends are there
/mute on|off        no sound from this conversation
/pin on|off         keep it on top of the list
/marks on|off       show, and see, how far each of you has read
{MONEY_HELP}
/quit               leave
Everything else is sent; begin with // to send a text that begins with a slash."""

DESCRIPTION = """\
Talk to somebody. Type, and Enter sends; /help lists the commands.

When standard input is not a terminal, each of its lines is sent and everything is printed in plain lines. At the end of
the input the program stays and shows what comes, until SIGINT or SIGTERM; with --leave-when-done it waits, for as long
as it takes, until the server has acknowledged every message, and leaves: with status 1 if one was refused."""


def add_arguments(parser: argparse.ArgumentParser, *, default_url: str) -> None:
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--as", dest="handle", required=True, metavar="HANDLE", help="who you are: handle or +phone")
    parser.add_argument("--to", required=True, help="a friend's handle, a group's title, or a conversation's id")
    parser.add_argument("--url", default=default_url, help="where the product runs (default: %(default)s)")
    parser.add_argument("--password", default=DEMO_PASSWORD, help="default: that of the demo people")
    parser.add_argument("--pin", default=DEMO_PIN, help="your payment PIN, if you have one; default: the demo people's")
    parser.add_argument("--leave-when-done", action="store_true", help="leave at the end of the input")


def main(options: Mapping[str, Any]) -> int:
    """Returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names and messages are in every script; a terminal that cannot show one shows a question mark.
        sys.stdout.reconfigure(errors="replace")
    try:
        return asyncio.run(_main(options))
    except BrokenPipeError:
        # Whoever read our lines has gone. Python would try once more to tell them at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


async def _main(options: Mapping[str, Any]) -> int:
    try:
        async with Api(options["url"]) as api:
            await api.sign_in_with_password(options["handle"], options["password"], device="talk")
            talk = Talk(api, to=options["to"], pin=options["pin"], leave_when_done=options["leave_when_done"])
            try:
                return await talk.run()
            finally:
                # Else each talk would leave a device behind that looks signed in.
                with contextlib.suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(GOODBYE_SECONDS):
                        await api.sign_out()
    except ClientError as error:
        print(_in_words(error), file=sys.stderr)
        return 1


class Nobody(Exception):
    """``--to`` names nothing that there is; the message says so."""


class Leave(Exception):
    """``/quit``."""


class Talk:
    """One person's view of one conversation, or of the way to it while the two are not friends yet."""

    def __init__(self, api: Api, *, to: str, pin: str | None, leave_when_done: bool) -> None:
        self.api, self._to, self._leave_when_done = api, to, leave_when_done
        self._updates: asyncio.Queue[Update] = asyncio.Queue()
        self.client = Client(api, recent=HISTORY, on_update=self._updates.put_nowait)
        self.terminal: Terminal = Keyboard(on_typing=self._typing) if sys.stdin.isatty() else Pipe()
        self._conversation_id: str | None = None
        self._peer: Profile | None = None
        self._names: dict[str, str] = {}
        self._transcript = Transcript(me=api.user_id, name_of=lambda user_id: self._names.get(user_id, "somebody"))
        self._money = TalkMoney(Wallet(api, pin=pin), say=self.terminal.say, cards=self._cards, place=self._place)
        self._shown_seq = 0
        self._showing = asyncio.Lock()
        self._was_away = False
        self._typing_ends: asyncio.TimerHandle | None = None
        self._failed = False

    async def run(self) -> int:
        """Until somebody leaves; returns the exit status."""
        self.client.start()
        try:
            async with asyncio.timeout(30):
                await self.client.online()
            await self._begin()
            await _first_of(self._follow(), self._obey_keyboard(), _asked_to_end())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS if self.client.state is State.ONLINE else 0):
                    await self.client.told()
        except Nobody as error:
            self.terminal.say(str(error))
            return 1
        except TimeoutError:
            raise Unreachable(f"{self.api.origin} answers, but nothing can be fetched.", maybe_done=False) from None
        finally:
            unsent = len(self.client.outbox)
            await self.client.close()
            if unsent:
                self.terminal.say(f"* {_messages(unsent)} not sent")
        return int(self._failed or unsent > 0)

    # --- finding the way ----------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        conversation_id = await self._find()
        if conversation_id is not None:
            await self._open(conversation_id)
        else:
            await self._show_the_way_to_friendship()

    async def _find(self) -> str | None:
        """The conversation that ``--to`` names; None for somebody who is not a friend yet. Raises ``Nobody``."""
        async for friend in self.api.friends():
            if (friend["user"]["handle"] or "").lower() == self._to.lower():
                return friend["conversation_id"]
        known = [log.summary for log in self.client.store.logs.values() if log.summary is not None]
        found = [each for each in known if self._to == each["id"] or self._to.casefold() == each["title"].casefold()]
        if len(found) > 1:
            ids = ", ".join(each["id"] for each in found)
            raise Nobody(f"There are several groups of that name: use --to with one of {ids}.")
        if found:
            return found[0]["id"]
        try:
            self._peer = await self.api.person(self._to)
        except ApiError as error:
            if error.is_passing:
                raise
            raise Nobody(
                f"You have no friend, group or conversation called {self._to}, and nobody has it as a handle."
            ) from error
        if self._peer["id"] == self.api.user_id:
            raise Nobody("That is you.")
        return None

    async def _show_the_way_to_friendship(self) -> None:
        assert self._peer is not None
        name, handle = one_line(self._peer["display_name"]), self._peer["handle"]
        self.terminal.say(f"* You and {name} are not friends yet, so there is no conversation.")
        request = await self._open_request("incoming", self._peer["id"])
        if request is not None:
            self.terminal.say(f"* {name} has asked you{_quoted(request)}. /accept {handle} makes you friends.")
        elif await self._open_request("outgoing", self._peer["id"]) is not None:
            self.terminal.say(f"* You have asked; the conversation begins here as soon as {name} accepts.")
        else:
            self.terminal.say(f"* /add {handle} asks to be friends; the conversation begins here when {name} accepts.")

    async def _open_request(self, direction: str, user_id: str) -> FriendRequest | None:
        async for request in self.api.friend_requests(direction):
            other = request["sender"] if direction == "incoming" else request["recipient"]
            if request["state"] == "pending" and other["id"] == user_id:
                return request
        return None

    async def _open(self, conversation_id: str) -> None:
        """Show the last page of history and where the unread begins; from here on what comes is shown as it comes."""
        log = await self.client.look_at(conversation_id)
        self._conversation_id = conversation_id
        async for member in self.api.members(conversation_id):
            if person := member["user"]:
                self._names[person["id"]] = one_line(member["alias"] or person["display_name"])
            elif persona := member["persona"]:
                self._names[persona["key"]] = one_line(persona["display_name"])
        async for friend in self.api.friends():
            if friend["remark"] and friend["user"]["id"] in self._names:
                self._names[friend["user"]["id"]] = one_line(friend["remark"])
        self.terminal.say(f"* {self._title()} · /help lists the commands")
        unread, read_seq = log.unread, log.read_seq
        # A copy: what comes while we ask for the photos' addresses waits in the queue until its turn.
        for message in log.messages[-HISTORY:]:
            if unread and message["seq"] > read_seq:
                self.terminal.say(f"── {unread} unread ──")
                unread = 0
            await self._show(message)

    def _title(self) -> str:
        summary = self.client.store.logs[self._conversation_id or ""].summary
        peer = summary["mine"]["peer"] if summary else None
        if peer is not None:
            return self._names.get(peer["id"], one_line(peer["display_name"]))
        return one_line(summary["title"]) if summary else ""

    # --- what happens -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Show what happens, one after the other. Returns when the client has stopped for good."""
        while True:
            update = await self._updates.get()
            try:
                await self._react(update)
            finally:
                self._updates.task_done()
            if isinstance(update, StateChanged) and update.state is State.STOPPED:
                self._failed = True
                return

    async def _react(self, update: Update) -> None:
        match update:
            case MessageAdded(message):
                await self._message(message)
            case Typing(conversation_id, user_id) if conversation_id == self._conversation_id:
                self._show_typing(user_id)
            case PeerRead(conversation_id, user_id, read_seq) if conversation_id == self._conversation_id:
                self._show_peer_read(user_id, read_seq)
            case Sent():
                self._show_state()
            case Refused(outgoing, error):
                self._failed = True
                what = outgoing.content.get("text", "the photo")
                self.terminal.say(f"* not sent: {harmless(what)!r}: {error.message}")
            case StateChanged():
                self._show_state()
            case FriendRequested(request):
                sender = request["sender"]
                handle, name = sender["handle"], one_line(sender["display_name"])
                self.terminal.say(f"* {name} asks to be your friend{_quoted(request)}. /accept {handle} accepts.")
            case FriendAdded(user_id, conversation_id) if self._is_awaited(user_id):
                await self._open(conversation_id)
            case Pushed("notice.created", payload=notice):
                self.terminal.say(f"* {one_line(str(notice['text']))}")
            case Pushed("group.invited", payload=payload):
                inviter, title = (
                    one_line(str(text)) for text in (payload["inviter"]["display_name"], payload["title"])
                )
                self.terminal.say(f"* {inviter} invites you to the group “{title}”.")
            case Pushed("group.join_requested", payload=payload):
                self.terminal.say(f"* {_people_wait(len(payload['user_ids']))} to be let into a group that you run.")
            case ConversationLost(conversation_id) if conversation_id == self._conversation_id:
                self.terminal.say("* You are no longer in this conversation.")

    def _is_awaited(self, user_id: str) -> bool:
        return self._conversation_id is None and self._peer is not None and self._peer["id"] == user_id

    async def _message(self, message: Message) -> None:
        if message["conversation_id"] != self._conversation_id or message["seq"] <= self._shown_seq:
            return
        if message["sender_id"] != self.api.user_id:
            self._forget_typing()
        await self._show(message)

    async def _show(self, message: Message) -> None:
        """Show one message and, having shown it, mark it as read."""
        async with self._showing:
            for line in await self._lines_of(message):
                self.terminal.say(line)
        self._shown_seq = max(self._shown_seq, message["seq"])
        self.client.mark_read(message["conversation_id"], message["seq"])

    async def _lines_of(self, message: Message) -> list[str]:
        sender_id, asset = message["sender_id"], None
        with contextlib.suppress(ClientError):
            # Without an answer it is shown all the same, with less.
            for somebody in [sender_id, *people_in(message)]:
                if somebody is not None and somebody not in self._names:
                    self._names[somebody] = one_line((await self.api.person_by_id(somebody))["display_name"])
            if message["kind"] == "photo":
                asset = await self.api.asset(message["body"]["asset_id"])
        peer_read_seq = self.client.store.logs[message["conversation_id"]].peer_read_seq
        return self._transcript.lines_of(message, asset=asset, peer_read_seq=peer_read_seq)

    def _show_typing(self, user_id: str) -> None:
        self._forget_typing()
        self.terminal.hint(f"{self._names.get(user_id, 'somebody')} is typing…")
        self._typing_ends = asyncio.get_running_loop().call_later(TYPING_SHOWN_SECONDS, self._show_state)

    def _forget_typing(self) -> None:
        if self._typing_ends is not None:
            self._typing_ends.cancel()
            self._typing_ends = None
            self._show_state()

    def _show_peer_read(self, user_id: str, read_seq: int) -> None:
        """Say it if the last line is ours and is covered now; a printed line cannot get its mark any more."""
        last = self.client.store.logs[self._conversation_id or ""].messages[-1:]
        if last and self._transcript.has_mark(last[0]) and last[0]["seq"] <= read_seq:
            self.terminal.say(f"      ✓✓ {self._names.get(user_id, 'somebody')} has read this")

    def _show_state(self) -> None:
        waiting = len(self.client.outbox)
        also = f" {_messages(waiting)} waiting" if waiting else ""
        match self.client.state:
            case State.ONLINE:
                self.terminal.hint("")
                if self._was_away:
                    self.terminal.say("* connected again")
                self._was_away = False
            case State.STOPPED:
                self.terminal.say(f"* {_in_words(self.client.trouble)}")
            case _:
                self.terminal.hint(f"reconnecting…{also}")
                self._was_away = True

    # --- what is typed ------------------------------------------------------------------------------------------------

    async def _obey_keyboard(self) -> None:
        """Returns when the person leaves."""
        async for line in self.terminal.lines():
            try:
                await self._obey(line)
            except Leave:
                return
            except BrokenPipeError:
                raise
            except (ClientError, OSError) as error:
                self._failed = True
                self.terminal.say(f"* {_in_words(error)}")
        if self._leave_when_done:
            await self._finish()
        elif isinstance(self.terminal, Pipe):
            # A script that only listens ends its input at once; it stays until it is told to end.
            await asyncio.Event().wait()

    async def _finish(self) -> None:
        """Everything said is acknowledged, everything shown is marked as read, everything acknowledged is shown."""
        await self.client.told()
        await self._updates.join()

    async def _obey(self, line: str) -> None:
        if not line.startswith("/") or line.startswith("//"):
            self._say(line.removeprefix("/") if line.startswith("//") else line)
            return
        command, _, rest = line[1:].partition(" ")
        rest = rest.strip()
        match command:
            case "photo" if rest:
                await self._send_photo(rest)
            case "reply" if rest and (last := self._last(of_mine=False)):
                self.client.send(last["conversation_id"], {"kind": "text", "text": rest, "quote_seq": last["seq"]})
                self._show_state()
            case "react" if rest and (last := self._last(of_mine=False)):
                await self.api.react(last["conversation_id"], last["seq"], rest)
            case "edit" if rest and (last := self._last(of_mine=True)):
                await self.api.edit(last["conversation_id"], last["seq"], rest)
            case "recall" if last := self._last(of_mine=True):
                await self.api.recall(last["conversation_id"], last["seq"])
            case "history":
                await self._show_older()
            case "who":
                self.terminal.say("* " + ", ".join(sorted(self._names.values())))
            case "add" if rest:
                await self._ask(*rest.partition(" ")[::2])
            case "accept" if rest:
                await self._accept(rest)
            case "find" if rest:
                await self._search(rest)
            case "online":
                await self._show_who_is_there()
            case "mute" | "pin" if rest in {"on", "off"} and self._conversation_id is not None:
                name = {"mute": "is_muted", "pin": "is_pinned"}[command]
                await self.api.choose(self._conversation_id, **{name: rest == "on"})
                self.terminal.say(f"* {command} is {rest}")
            case "marks" if rest in {"on", "off"}:
                await self.api.share_read_marks(rest == "on")
                self.terminal.say(f"* read marks are {rest}")
            case "quit":
                raise Leave
            case _ if self._money.knows(command):
                await self._money.obey(command, rest)
            case _:
                self.terminal.say(HELP)

    def _last(self, *, of_mine: bool) -> Message | None:
        """What was said last, by us or by somebody else, and still stands."""
        log = self.client.store.logs.get(self._conversation_id or "")
        for message in reversed(log.messages if log else []):
            is_said = message["kind"] in SAID and not message["recalled_at"]
            if is_said and (message["sender_id"] == self.api.user_id) is of_mine:
                return message
        return None

    def _cards(self, kind: str) -> list[Message]:
        """What was posted here of a kind of card, as it stands now, the newest first."""
        log = self.client.store.logs.get(self._conversation_id or "")
        messages = reversed(log.messages if log else [])
        return [each for each in messages if each["kind"] == "card" and each["body"].get("kind") == kind]

    def _place(self) -> Place | None:
        log = self.client.store.logs.get(self._conversation_id or "")
        if log is None or log.summary is None:
            return None
        peer = log.summary["mine"]["peer"]
        return Place(log.summary["id"], peer["id"] if peer else None)

    def _say(self, text: str) -> None:
        if not text.strip():
            return
        if self._conversation_id is None:
            self._failed = True
            self.terminal.say("* Nobody would get this: there is no conversation yet.")
            return
        self.client.send_text(self._conversation_id, text)
        self._show_state()

    async def _send_photo(self, path: str) -> None:
        if self._conversation_id is None:
            self._say(path)
            return
        asset = await self.api.upload_photo(Path(path))
        self.client.send_photo(self._conversation_id, asset["id"])

    async def _show_older(self) -> None:
        if self._conversation_id is None:
            return
        older = await self.client.load_older(self._conversation_id, limit=HISTORY)
        async with self._showing:
            self._transcript.begin_elsewhere()
            for message in older:
                for line in await self._lines_of(message):
                    self.terminal.say(line)
            self._transcript.begin_elsewhere()
            self.terminal.say("── up to here: older ──" if older else "* This is where the conversation begins.")

    async def _ask(self, handle: str, greeting: str) -> None:
        request = await self.api.request_friend(handle, greeting=greeting)
        name = one_line(request["recipient"]["display_name"])
        self.terminal.say(
            f"* You are friends with {name} now." if request["state"] == "accepted" else f"* {name} is asked."
        )

    async def _search(self, beginning: str) -> None:
        people = await self.api.search_people(beginning)
        for person in people:
            self.terminal.say(f"* @{person['handle']}: {one_line(person['display_name'])}")
        if not people:
            self.terminal.say("* Nobody is called so.")

    async def _show_who_is_there(self) -> None:
        there = await self.api.online_friends()
        names = [
            one_line(friend["remark"] or friend["user"]["display_name"])
            async for friend in self.api.friends()
            if friend["user"]["id"] in there
        ]
        self.terminal.say("* " + (", ".join(sorted(names)) or "None of your friends is there."))

    async def _accept(self, handle: str) -> None:
        async for request in self.api.friend_requests("incoming"):
            if request["state"] == "pending" and (request["sender"]["handle"] or "").lower() == handle.lower():
                await self._accepted(await self.api.accept_friend(request["id"]))
                return
        self.terminal.say(f"* {handle} has not asked.")

    async def _accepted(self, friend: Friend) -> None:
        self.terminal.say(f"* You are friends with {one_line(friend['user']['display_name'])} now.")
        # The push says the same, perhaps later. The next line that is typed shall find the conversation open.
        self._updates.put_nowait(FriendAdded(friend["user"]["id"], friend["conversation_id"]))
        await self._updates.join()

    def _typing(self) -> None:
        if self._conversation_id is not None:
            self.client.typing(self._conversation_id)


# --- small words ------------------------------------------------------------------------------------------------------


def _in_words(error: Exception | None) -> str:
    match error:
        case ApiError(code="sign_in_failed"):
            return f"{error.message} The demo people's password is the default; others need --password."
        case ApiError():
            return error.message
        case Unreachable():
            return f"{error}. Is it running? `make run` starts it."
        case SocketClosed(code=4409):
            return "This device is connected somewhere else, or too many devices are signed in."
        case SocketClosed(code=4403):
            return "The server does not let this account connect."
        case OSError():
            return f"{error.filename}: {error.strerror}"
    return str(error or "closed")


def _quoted(request: FriendRequest) -> str:
    return f" (“{one_line(request['greeting'])}”)" if request["greeting"] else ""


def _people_wait(count: int) -> str:
    return "Somebody waits" if count == 1 else f"{count} people wait"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


async def _asked_to_end() -> None:
    """Returns at SIGINT or SIGTERM."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run them together until one is done; the others are cancelled. A failure of that one is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="talk")
    add_arguments(parser, default_url="http://localhost:8000")
    sys.exit(main(vars(parser.parse_args())))
