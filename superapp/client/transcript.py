"""How messages look on a terminal. Pure: a message in, lines out."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, tzinfo

from superapp.client.group_events import GROUP_EVENTS, in_words
from superapp.client.shapes import Asset, Json, Message

#: Embeddings, overrides and isolates: text after them would be shown in another order than it was written in.
_REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

SAID = frozenset({"text", "photo", "voice", "video", "file", "location", "contact", "record"})


def harmless(text: str) -> str:
    """``text`` from somebody else, without what a terminal would obey: escape sequences, bells, cursor movements.

    A newline stays; ``lines_of`` indents what follows it, so that nobody can write a line that looks like another's.
    """
    text = _REORDERING.sub("", text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n"))
    return "".join(one for one in text.expandtabs(4) if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs"})


def one_line(text: str) -> str:
    """A name or a title, harmless and without line breaks."""
    return " ".join(harmless(text).split())


def size_in_words(size_bytes: int) -> str:
    """Decimal units, as file managers show them."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000 or unit == "MB":
            return f"{size:.0f} {unit}" if unit != "MB" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


class Transcript:
    """Turns messages into lines, and puts a line between days.

    ``name_of`` gives the name to show for a user's id; ``zone`` is where the reader is, None: as this machine thinks.
    """

    def __init__(self, *, me: str, name_of: Callable[[str], str], zone: tzinfo | None = None) -> None:
        self._me, self._name_of, self._zone = me, name_of, zone
        self._day: date | None = None

    def lines_of(self, message: Message, *, asset: Asset | None = None, peer_read_seq: int | None = None) -> list[str]:
        """``asset``: what ``/media/`` says about the message's photo, if it could be asked."""
        at = datetime.fromisoformat(message["created_at"]).astimezone(self._zone)
        name = self._by_whom(message)
        first, *rest = self._content(message, name, asset).split("\n")
        if self.has_mark(message):
            first += "  ✓✓ read" if (peer_read_seq or 0) >= message["seq"] else "  ✓"
        return [*self._day_line(at.date()), f"{at:%H:%M} {first}", *(f"      {line}" for line in rest)]

    def has_mark(self, message: Message) -> bool:
        """Whether it is something that we said, so that it matters whether the other one has read it."""
        return message["sender_id"] == self._me and message["kind"] in SAID

    def _by_whom(self, message: Message) -> str:
        sender_id, persona = message["sender_id"], message.get("persona")
        if persona is not None:
            return one_line(persona["display_name"]) or "somebody"
        if sender_id is None:
            return "nobody"
        return self._by_id(sender_id)

    def _by_id(self, user_id: str) -> str:
        return "you" if user_id == self._me else self._name_of(user_id)

    def _people(self, named: Json) -> str:
        """Of a row about members, who may be personas."""
        return one_line(", ".join([*map(self._by_id, named["member_ids"]), *named["personas"]]))

    def begin_elsewhere(self) -> None:
        """What comes next is from another day than what came last, or may be."""
        self._day = None

    def _day_line(self, day: date) -> list[str]:
        if day == self._day:
            return []
        self._day = day
        return [f"── {day:%A} {day.day} {day:%B %Y} ──"]

    def _content(self, message: Message, name: str, asset: Asset | None) -> str:
        body = message["body"]
        if message.get("recalled_at"):
            return f"{name}: [taken back]"
        match message["kind"]:
            case "text":
                return f"{name}: {quoted_in_words(body)}{harmless(str(body.get('text', '')))}"
            case "photo":
                return f"{name}: {photo_in_words(message, asset)}"
            case "voice" | "video" | "file" | "location" | "contact" | "record" as kind:
                return f"{name}: {in_brackets(kind, body)}"
            case kind if kind in GROUP_EVENTS:
                return in_words(kind, body, who=name, name_of=self._by_id, plain=one_line)
            case "deleted":
                return f"{name}: [deleted]"
            case "recalled":
                return f"{name} took a message back"
            case "edited":
                target = message["target"]
                words = f"now says: {harmless(str(target['body'].get('text', '')))}" if target else "edited a message"
                return f"{name} {words}"
            case "reacted":
                verb = "reacted with" if body.get("is_added") else "took back"
                return f"{name} {verb} {one_line(str(body.get('emoji', '')))}{_about(message)}"
            case "card":
                return f"{name}: {card_in_words(body)}"
            case "card_updated":
                target = message["target"]
                return f"now: {card_in_words(target['body'])}" if target and target["body"] else "a card has changed"
            case "conversation_opened":
                return "this conversation was opened"
            case "conversation_closed":
                return "this conversation has ended"
            case "members_changed":
                return "; ".join(f"{people} {how}" for how in ("joined", "left") if (people := self._people(body[how])))
            case "friends_now":
                greeting = one_line(str(body.get("greeting", "")))
                return f"{name} asked, and now you are friends" + (f": “{greeting}”" if greeting else "")
        return f"{name} sent something that this client cannot show ({one_line(message['kind'])})"


def _about(message: Message) -> str:
    """Which message a change is about, in a few of its words."""
    target = message["target"]
    words = one_line(str(target["body"].get("text", "")))[:40] if target else ""
    return f" to “{words}”" if words else ""


def card_in_words(body: Json) -> str:
    """Its sentence; a client that knows the kind would show more."""
    return f"[{one_line(str(body['fallback'].get('en', body['kind'])))}]"


def photo_in_words(message: Message, asset: Asset | None) -> str:
    """Size, and an address that opens it in a browser for some minutes."""
    size = f"{message['body'].get('width')}×{message['body'].get('height')}"
    if asset is None:
        return f"[photo, {size}]"
    return f"[photo, {size}, {size_in_words(asset['size_bytes'])}] {one_line(asset['variants']['original']['url'])}"


def in_brackets(kind: str, body: Json) -> str:
    """What is not text, in words and on one line."""

    def said(name: str) -> str:
        return one_line(str(body.get(name, "")))

    match kind:
        case "voice" | "video":
            seconds = round((body.get("duration_ms") or 0) / 1000)
            return f"[{kind}, {seconds // 60}:{seconds % 60:02}]"
        case "file":
            return f"[file “{said('name')}”, {size_in_words(body.get('size_bytes') or 0)}]"
        case "location":
            place = ", ".join(filter(None, (said("name"), said("address"))))
            return f"[place{': ' + place if place else ''} ({said('latitude')}, {said('longitude')})]"
        case "contact":
            return f"[contact: {said('display_name')}]"
        case "record":
            return f"[record “{said('title')}”, {body.get('count')} messages]"
    return f"[{one_line(kind)}]"


def quoted_in_words(body: Json) -> str:
    """What an answer answers, before its own words."""
    quote = body.get("quote")
    if not isinstance(quote, dict):
        return ""
    kind = "taken back" if quote.get("is_recalled") else one_line(str(quote.get("kind", "")))
    words = one_line(str(quote.get("text", ""))) or f"[{kind}]"
    return f"(to “{words}”) "
