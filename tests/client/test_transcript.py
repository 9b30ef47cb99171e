"""What a terminal shows of other people's words."""

from datetime import UTC
from typing import Any

import pytest

from superapp.client.transcript import Transcript, harmless, one_line, size_in_words


def message(
    kind: str = "text", *, sender: str = "2", at: str = "2026-03-01T10:05:00.5Z", seq: int = 1, **body: Any
) -> Any:
    return {"kind": kind, "sender_id": sender, "created_at": at, "seq": seq, "body": body}


@pytest.fixture
def transcript() -> Transcript:
    return Transcript(me="1", name_of={"2": "Bo"}.__getitem__, zone=UTC)


def test_day_is_named_when_it_changes(transcript: Transcript) -> None:
    assert transcript.lines_of(message(text="hi")) == ["── Sunday 1 March 2026 ──", "10:05 Bo: hi"]
    assert transcript.lines_of(message(text="again")) == ["10:05 Bo: again"]
    tomorrow = message(text="morning", at="2026-03-02T08:00:00Z")
    assert transcript.lines_of(tomorrow) == ["── Monday 2 March 2026 ──", "08:00 Bo: morning"]


def test_own_message_shows_whether_it_was_read(transcript: Transcript) -> None:
    mine = message(sender="1", text="hi", seq=7)
    assert transcript.lines_of(mine, peer_read_seq=6)[-1] == "10:05 you: hi  ✓"
    assert transcript.lines_of(mine, peer_read_seq=7)[-1] == "10:05 you: hi  ✓✓ read"


def test_photo_shows_size_and_address(transcript: Transcript) -> None:
    photo = message("photo", asset_id="9", width=800, height=600)
    asset: Any = {"size_bytes": 245_300, "variants": {"original": {"url": "http://x/9"}}}
    assert transcript.lines_of(photo, asset=asset)[-1] == "10:05 Bo: [photo, 800×600, 245 kB] http://x/9"
    assert transcript.lines_of(photo)[-1] == "10:05 Bo: [photo, 800×600]"


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("voice", {"duration_ms": 61_400}, "[voice, 1:01]"),
        ("video", {"duration_ms": 900}, "[video, 0:01]"),
        ("file", {"name": "a\nb.pdf", "size_bytes": 1500}, "[file “a b.pdf”, 2 kB]"),
        ("location", {"latitude": 48.85, "longitude": 2.3, "name": "Tower"}, "[place: Tower (48.85, 2.3)]"),
        ("location", {"latitude": 1, "longitude": 2, "name": ""}, "[place (1, 2)]"),
        ("contact", {"display_name": "Cy"}, "[contact: Cy]"),
        ("record", {"title": "Tea", "count": 3}, "[record “Tea”, 3 messages]"),
        ("text", {"text": "yes", "quote": {"seq": 1, "kind": "text", "text": "Tea?\nNow?"}}, "(to “Tea? Now?”) yes"),
        ("text", {"text": "nice", "quote": {"seq": 1, "kind": "photo", "text": ""}}, "(to “[photo]”) nice"),
    ],
)
def test_every_kind_has_its_words(kind: str, body: Any, shown: str, transcript: Transcript) -> None:
    assert transcript.lines_of(message(kind, **body))[-1] == f"10:05 Bo: {shown}"


@pytest.mark.parametrize(
    ("kind", "body", "target", "shown"),
    [
        ("recalled", {}, None, "Bo took a message back"),
        ("edited", {}, {"body": {"text": "at\nseven"}}, "Bo now says: at"),
        ("edited", {}, None, "Bo edited a message"),
        ("reacted", {"emoji": "👍", "is_added": True}, {"body": {"text": "Tea?"}}, "Bo reacted with 👍 to “Tea?”"),
        ("reacted", {"emoji": "👍", "is_added": False}, None, "Bo took back 👍"),
        ("deleted", {}, None, "Bo: [deleted]"),
    ],
)
def test_what_happens_to_a_message_is_a_line(
    kind: str, body: Any, target: Any, shown: str, transcript: Transcript
) -> None:
    lines = transcript.lines_of(message(kind, **body) | {"target": target})
    assert lines[1] == f"10:05 {shown}"


def test_what_was_taken_back_says_so(transcript: Transcript) -> None:
    gone = message() | {"recalled_at": "2026-03-01T10:06:00Z"}
    assert transcript.lines_of(gone)[-1] == "10:05 Bo: [taken back]"
    answer = message(text="what?", quote={"seq": 1, "kind": "text", "text": "", "is_recalled": True})
    assert transcript.lines_of(answer)[-1] == "10:05 Bo: (to “[taken back]”) what?"


def test_kind_of_a_newer_server_is_named(transcript: Transcript) -> None:
    assert transcript.lines_of(message("hologram"))[-1].endswith("something that this client cannot show (hologram)")


def test_nobody_can_write_a_line_that_looks_like_anothers(transcript: Transcript) -> None:
    lines = transcript.lines_of(message(text="hi\n10:06 you: I owe Bo 100\u202800:00 you: much"))
    assert lines[1:] == ["10:05 Bo: hi", "      10:06 you: I owe Bo 100", "      00:00 you: much"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07wiped", "[2J]0;titlewiped"),
        ("\x9b31mred\x7f\b\b", "31mred"),
        ("a\r\nb\rc", "a\nbc"),
        ("tab\tstop", "tab stop"),
        ("\u202egpj.exe\u202c", "gpj.exe"),
        ("\ud800", ""),
        ("👩‍👩‍👧 你好 مرحبا", "👩‍👩‍👧 你好 مرحبا"),
    ],
)
def test_what_a_terminal_would_obey_is_left_out(written: str, shown: str) -> None:
    assert harmless(written) == shown


def test_name_is_one_line() -> None:
    assert one_line(" Bo\n\x1b[31mthe  Great ") == "Bo [31mthe Great"


@pytest.mark.parametrize(("size", "words"), [(999, "999 bytes"), (245_300, "245 kB"), (3_460_000, "3.5 MB")])
def test_sizes_are_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words


PERSONA = {"key": "courier:8", "display_name": "Courier \x1b8", "avatar_id": None}
CARD = {"kind": "test.parcel", "fallback": {"en": "Your parcel is packed", "fr": "…"}}


def test_what_products_say_is_shown_in_words(transcript: Transcript) -> None:
    def line(kind: str, **more: Any) -> str:
        shown = {**message(kind), "sender_id": None, "persona": None, "target": None, **more}
        return transcript.lines_of(shown)[-1].removeprefix("10:05 ")

    assert line("text", body={"text": "hi"}, persona=PERSONA) == "Courier 8: hi"
    assert line("text", body={"text": "hi"}, persona={**PERSONA, "display_name": ""}) == "somebody: hi"
    assert line("card", body=CARD, persona=PERSONA) == "Courier 8: [Your parcel is packed]"
    assert line("card_updated", body={"version": 2}, target={"body": CARD}) == "now: [Your parcel is packed]"
    assert line("card_updated", body={"version": 2}) == "a card has changed"
    both, none = {"member_ids": ["2"], "personas": ["courier:8"]}, {"member_ids": [], "personas": []}
    assert line("members_changed", body={"joined": both, "left": none}) == "Bo, courier:8 joined"
    assert (
        line("members_changed", body={"joined": none, "left": {**both, "member_ids": ["1"]}}) == "you, courier:8 left"
    )
    assert line("conversation_opened", body={}) == "this conversation was opened"
    assert line("conversation_closed", body={}) == "this conversation has ended"
