"""Voice and video: what phones record becomes one clean copy that every phone plays, and nothing else is kept."""

import struct
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from superapp.core import outbox
from superapp.core.errors import NotFound
from superapp.core.models import OutboxEvent
from superapp.media import services
from superapp.media.errors import NotReady
from superapp.media.models import Asset
from tests.media import films, images
from tests.media.conftest import EVERYTHING, Person, files_in
from tests.media.test_links import attach, fetch, refused

SECRETS = (b"48.85", b"Secret Phone", b"Secret Town")
METADATA = {
    "location": "+48.8584+002.2945/",
    "com.apple.quicktime.location.ISO6709": "+48.8584+002.2945/",
    "make": "Secret Phone",
    "title": "Secret Town",
}


def upload(person: Person, kind: str, content: bytes, **form: Any) -> Asset:
    response = person.upload(content, purpose=EVERYTHING, kind=kind, **form)
    assert response.status_code == 201, response.content
    return Asset.objects.get(id=int(response.json()["id"]))


def processed(person: Person, kind: str, content: bytes) -> Any:
    """As its owner is shown it after a worker was there; what the clean copy replaced is gone."""
    asset = upload(person, kind, content)
    services.make_variants(asset_id=asset.id)
    deliver_outbox()
    return person.asset(asset.id).json()


def deliver_outbox() -> None:
    for row in OutboxEvent.objects.filter(done_at=None, handler="superapp.media.handlers.delete_file"):
        outbox._handlers[row.handler](row.event)


def original(shown: Any) -> bytes:
    response = fetch(shown["variants"]["original"]["url"])
    assert response.status_code == 200
    content: bytes = response.file
    return content


# --- Voice ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorder", films.RECORDERS)
def test_what_phones_record_is_played_by_every_phone(recorder: str, person: Person, media_root: Path) -> None:
    shown = processed(person, "voice", films.recorded(recorder, 2.0))
    assert (shown["state"], shown["refusal"]) == ("ready", "")
    assert (shown["content_type"], shown["width"], shown["height"]) == ("audio/mp4", None, None)
    assert 1900 <= shown["duration_ms"] <= 2200
    assert list(shown["variants"]) == ["original"]
    content = original(shown)
    assert len(content) == shown["size_bytes"]
    with films.opened(content) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.channels) == ("aac", 1)
    assert abs(films.length(content) - 2.0) < 0.3
    # Of what came, nothing is left.
    assert len(files_in(media_root)) == 1


def test_the_waveform_shows_where_somebody_speaks(person: Person) -> None:
    waveform = processed(person, "voice", films.recorded("wav", 3.0))["waveform"]
    assert len(waveform) == 64
    assert min(waveform[:31]) >= 90
    assert max(waveform[33:]) <= 5
    assert max(waveform) == 100


def test_a_moment_has_a_shorter_waveform_and_silence_a_flat_one(person: Person) -> None:
    assert 1 <= len(processed(person, "voice", films.recorded("wav", 0.1))["waveform"]) <= 6
    silent = processed(person, "voice", films.recorded("wav", 2.0, loud=0.0))
    assert silent["waveform"] == [0] * 64


def test_nothing_that_a_recorder_says_of_its_owner_is_kept(person: Person, media_root: Path) -> None:
    content = films.recorded("iphone m4a", metadata=METADATA)
    assert b"Secret" in content
    processed(person, "voice", content)
    kept = b"".join(path.read_bytes() for path in files_in(media_root))
    assert not any(secret in kept for secret in SECRETS)


def test_a_minute_is_taken_and_more_is_not(person: Person, media_root: Path) -> None:
    assert processed(person, "voice", films.recorded("old amr", 60.0))["state"] == "ready"
    shown = processed(person, "voice", films.recorded("old amr", 62.0))
    assert (shown["state"], shown["refusal"], shown["variants"]) == ("failed", "too_long", {})
    assert len(files_in(media_root)) == 1


# --- Video ------------------------------------------------------------------------------------------------------------


def test_a_film_gets_a_poster_and_the_purposes_sizes(person: Person, media_root: Path) -> None:
    shown = processed(person, "video", films.film())
    assert (shown["state"], shown["content_type"]) == ("ready", "video/mp4")
    assert (shown["width"], shown["height"], shown["waveform"]) == (320, 240, None)
    assert 900 <= shown["duration_ms"] <= 1100
    assert list(shown["variants"]) == ["original", "poster", "thumb"]
    for name, size in {"poster": (320, 240), "thumb": (32, 24)}.items():
        link = shown["variants"][name]
        assert (link["width"], link["height"], link["content_type"]) == (*size, "image/jpeg")
        picture = images.decoded(fetch(link["url"]).file)
        assert picture.size == size
        left, right = picture.getpixel((2, 2)), picture.getpixel((size[0] - 3, 2))
        assert left[0] > left[2]
        assert right[2] > right[0]
    assert len(files_in(media_root)) == 3


def test_what_plays_everywhere_is_packed_anew_and_not_encoded_again(person: Person, media_root: Path) -> None:
    content = films.film(metadata=METADATA)
    assert b"Secret" in content
    shown = processed(person, "video", content)
    with films.opened(content) as before, films.opened(original(shown)) as after:
        for stream in (0, 1):
            packets = [
                [bytes(packet) for packet in container.demux(container.streams[stream]) if packet.size]
                for container in (before, after)
            ]
            before.seek(0)
            after.seek(0)
            assert packets[0] == packets[1]
    kept = b"".join(path.read_bytes() for path in files_in(media_root))
    assert not any(secret in kept for secret in SECRETS)


OTHERS: dict[str, dict[str, Any]] = {
    "a new phone's hevc": {
        "codec": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "log-level=none"},
    },
    "a browser's webm": {"container": "webm", "codec": "libvpx", "with_sound": "libopus", "options": {}},
    "odd sides": {"container": "webm", "codec": "libvpx-vp9", "width": 101, "height": 77, "options": {}}
    | {"with_sound": None},
    "large": {"codec": "libx265", "width": 1920, "height": 1080, "pictures": 3}
    | {"options": {"preset": "ultrafast", "x265-params": "log-level=none"}},
    "without sound": {"codec": "mpeg4", "with_sound": None, "options": {}},
    "chroma for studios": {"pix_fmt": "yuv444p"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_play_everywhere_is_made_to(name: str, person: Person) -> None:
    shown = processed(person, "video", films.film(**OTHERS[name]))
    assert (shown["state"], shown["refusal"]) == ("ready", "")
    with films.opened(original(shown)) as container:
        seen = container.streams.video[0].codec_context
        assert (seen.name, seen.pix_fmt) == ("h264", "yuv420p")
        assert (seen.width, seen.height) == (shown["width"], shown["height"])
        assert max(seen.width, seen.height) <= 1280
        assert sum(1 for _ in container.decode(video=0)) == OTHERS[name].get("pictures", 10)
        assert [stream.codec_context.name for stream in container.streams.audio] == (
            ["aac"] if OTHERS[name].get("with_sound", "aac") else []
        )


def turned(content: bytes) -> bytes:
    """The film with a quarter turn in its track header, as a phone held upright writes it (ISO 14496-12, 8.3.2)."""
    at = content.index(b"tkhd") + 44
    matrix = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 240 << 16, 0, 0x40000000)
    return films.patched(content, at, matrix)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_film_stays_upright(codec: str, person: Person) -> None:
    options = {"preset": "ultrafast"} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    shown = processed(person, "video", turned(films.film(codec=codec, options=options)))
    assert (shown["width"], shown["height"]) == (240, 320)
    poster = shown["variants"]["poster"]
    assert (poster["width"], poster["height"]) == (240, 320)
    picture = images.decoded(fetch(poster["url"]).file)
    # A quarter turn with the clock: what was left is above.
    above, below = picture.getpixel((120, 5)), picture.getpixel((120, 314))
    assert above[0] > above[2]
    assert below[2] > below[0]
    with films.opened(original(shown)) as container:
        frame = next(container.decode(video=0))
        image = frame.to_image().rotate(frame.rotation, expand=True)
        assert image.size == (240, 320)
        above = image.getpixel((120, 5))
        assert above[0] > above[2]


# --- Before and after the worker --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "content"), [("voice", films.recorded("wav")), ("video", films.film())])
def test_until_it_is_clean_nobody_gets_it(kind: str, content: bytes, person: Person, media_root: Path) -> None:
    asset = upload(person, kind, content)
    shown = person.asset(asset.id).json()
    assert (shown["state"], shown["variants"], shown["duration_ms"]) == ("processing", {}, None)
    with pytest.raises(NotReady) as refusal, transaction.atomic():
        services.attach(asset_ids=[asset.id], owner_id=person.id, purpose=EVERYTHING, reference="1:1")
    assert refusal.value.details["state"] == "processing"
    services.make_variants(asset_id=asset.id)
    attach(asset)


def test_a_link_to_the_clean_copy_is_no_link_to_what_came(person: Person) -> None:
    """Should one ever be made for what is not ready, it delivers nothing."""
    shown = processed(person, "voice", films.recorded("wav"))
    url = shown["variants"]["original"]["url"]
    Asset.objects.filter(id=int(shown["id"])).update(state="processing")
    assert refused(fetch(url)) == (404, "not_found")


def test_others_hang_nothing_of_mine_anywhere(person: Person, other: Person) -> None:
    asset = upload(person, "voice", films.recorded("wav"))
    services.make_variants(asset_id=asset.id)
    for purpose, owner in ((EVERYTHING, other.id), ("test.other", person.id)):
        with pytest.raises(NotFound), transaction.atomic():
            services.attach(asset_ids=[asset.id], owner_id=owner, purpose=purpose, reference="1:1")


def test_the_database_holds_what_is_shown_of_each_kind(person: Person) -> None:
    asset = upload(person, "voice", films.recorded("wav"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Asset.objects.filter(id=asset.id).update(state="ready")
    with pytest.raises(IntegrityError), transaction.atomic():
        Asset.objects.filter(id=asset.id).update(refusal="too_long")
