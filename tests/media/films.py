"""Sound and film, made here in moments: a tone, and some coloured pictures."""

import io
import math
import random
import struct
from array import array
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av

RATE = 16_000


def tone(seconds: float, *, rate: int = RATE, layout: str = "mono", loud: float = 0.5) -> list[av.AudioFrame]:
    """A tone of 440 Hz that is silent for its second half."""
    frames = []
    count = int(seconds * rate)
    for start in range(0, count, 1024):
        samples = array(
            "h",
            (
                round(32767 * loud * math.sin(2 * math.pi * 440 * index / rate)) if index < count / 2 else 0
                for index in range(start, min(start + 1024, count))
            ),
        )
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        frames.append(frame)
    return frames


def sound(
    seconds: float = 1.0,
    *,
    container: str = "mp4",
    codec: str = "aac",
    rate: int = RATE,
    layout: str = "mono",
    loud: float = 0.5,
    metadata: dict[str, str] | None = None,
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as target:
        target.metadata.update(metadata or {})
        stream = target.add_stream(codec, rate=rate, layout=layout)
        for frame in tone(seconds, rate=rate, loud=loud):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


#: Name, container, codec and rate of what phones record.
RECORDERS: dict[str, tuple[str, str, int]] = {
    "iphone m4a": ("ipod", "aac", 44_100),
    "android 3gp": ("3gp", "libopencore_amrnb", 8_000),
    "whatsapp opus": ("ogg", "libopus", 48_000),
    "browser webm": ("webm", "libopus", 48_000),
    "old amr": ("amr", "libopencore_amrnb", 8_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "wav": ("wav", "pcm_s16le", 16_000),
    "plain aac": ("adts", "aac", 44_100),
}


def recorded(recorder: str, seconds: float = 1.0, **options: Any) -> bytes:
    container, codec, rate = RECORDERS[recorder]
    return sound(seconds, container=container, codec=codec, rate=rate, **options)


def film(
    *,
    pictures: int = 10,
    width: int = 320,
    height: int = 240,
    container: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 10,
    with_sound: str | None = "aac",
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """Left half red, right half blue."""
    file = io.BytesIO()
    tags = {"movflags": "use_metadata_tags"} if metadata else {}
    with av.open(file, "w", format=container, options=tags) as target:
        target.metadata.update(metadata or {})
        stream = target.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "ultrafast"} if options is None else options
        voice = target.add_stream(with_sound, rate=48_000) if with_sound else None
        for index in range(pictures):
            frame = _halves(width, height).reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, rate)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if voice is not None:
            for piece in tone(pictures / rate, rate=48_000):
                target.mux(voice.encode(piece))
            target.mux(voice.encode(None))
    return file.getvalue()


def _halves(width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "rgb24")
    plane = frame.planes[0]
    row = (bytes((200, 30, 30)) * (width // 2) + bytes((30, 30, 200)) * (width - width // 2)).ljust(plane.line_size)
    plane.update(row * height)
    return frame


def opened(content: bytes) -> Any:
    return av.open(io.BytesIO(content))


def length(content: bytes) -> float:
    with opened(content) as container:
        return float(container.duration) / 1_000_000


def patched(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


# --- Files that lie ---------------------------------------------------------------------------------------------------


def claiming_duration(content: bytes, seconds: int) -> bytes:
    """The MP4 with another duration in all its headers (ISO 14496-12, 8.2.2): ``mvhd`` and ``mdhd`` of version 0."""
    for box, scale_at in ((b"mvhd", 16), (b"mdhd", 16)):
        at = content.find(box)
        while at >= 0:
            scale = struct.unpack(">I", content[at + scale_at : at + scale_at + 4])[0]
            content = patched(content, at + scale_at + 4, struct.pack(">I", min(seconds * scale, 2**32 - 1)))
            at = content.find(box, at + 4)
    return content


def amr_of_hours(hours: int) -> bytes:
    """Silence in the smallest frames that AMR has: a byte for a fiftieth of a second."""
    return b"#!AMR\n" + b"\x7c" * (hours * 3600 * 50)


def of_many_streams(count: int) -> bytes:
    """The MP4 whose index describes the same sound so many times."""
    content = sound(0.2)
    at = content.index(b"moov") - 4
    moov = content[at:]
    track = moov.index(b"trak") - 4
    size = struct.unpack(">I", moov[track : track + 4])[0]
    body = moov[:track] + moov[track : track + size] * count + moov[track + size :]
    return content[:at] + struct.pack(">I", len(body)) + body[4:]


def of_many_samples() -> bytes:
    """The MP4 whose table of sample sizes says that there are four billion of one byte each."""
    content = sound(0.2)
    at = content.index(b"stsz")
    return patched(content, at + 8, struct.pack(">II", 1, 0xFFFFFFFF))


def of_size(width: int, height: int) -> bytes:
    """H.264 whose sequence header says one size while the boxes around it say another: made small, then patched."""
    content = film(with_sound=None)
    at = content.index(b"avc1", content.index(b"stsd"))
    return patched(content, at + 28, struct.pack(">HH", width, height))


def growing(codec: str = "libvpx") -> bytes:
    """A film in a browser's format whose pictures are tiny at first and of 8K later."""
    small = film(codec=codec, container="webm", with_sound=None, width=16, height=16, pictures=2, options={})
    large = film(codec=codec, container="webm", with_sound=None, width=7680, height=4320, pictures=1, options={})
    # The block of the large picture in place of the small one's second: same container, other picture.
    with opened(large) as container:
        picture = next(bytes(packet) for packet in container.demux() if packet.size)
    file = io.BytesIO()
    with av.open(io.BytesIO(small)) as source, av.open(file, "w", format="webm") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.dts is None:
                continue
            changed = av.Packet(picture if index else bytes(packet))
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = True, stream
            target.mux(changed)
    return file.getvalue()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def mangled(content: bytes, *, seed: int, count: int) -> bytes:
    """So many bytes changed, wherever they are but in front."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(count):
        changed[chance.randrange(32, len(changed))] = chance.randrange(256)
    return bytes(changed)


HTML = b"<!doctype html><script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"

#: Refused at the door, by their first bytes: kind and content.
NOT_EVEN_THAT: dict[str, tuple[str, bytes]] = {
    "page as voice": ("voice", HTML),
    "page as film": ("video", HTML),
    "vector picture as film": ("video", SVG),
    "playlist that names a file of the server": ("video", PLAYLIST),
    "list of files of the server": ("video", CONCAT),
    "picture as voice": ("voice", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "picture in film's boxes": ("video", b"\0\0\0\x18ftypheic" + bytes(100)),
    "sound as film": ("video", sound(0.2, container="wav", codec="pcm_s16le")),
    "tracker music": ("voice", b"Extended Module: " + bytes(100)),
    "archive": ("voice", b"PK\x03\x04" + bytes(100)),
    "one byte": ("voice", b"O"),
}

#: Refused by the worker: kind, content, and the code that is kept.
REFUSED: dict[str, tuple[str, Callable[[], bytes], set[str]]] = {
    "signature and nothing else": ("voice", lambda: b"OggS", {"file_damaged"}),
    "boxes of nothing": ("video", lambda: b"\0\0\0\x18ftypisom" + bytes(4000), {"file_damaged"}),
    "truncated m4a": ("voice", lambda: half(sound(2.0)), {"file_damaged"}),
    "truncated mp3": (
        "voice",
        lambda: sound(2.0, container="mp3", codec="libmp3lame", rate=44_100)[:300],
        {"file_damaged"},
    ),
    "truncated film": ("video", lambda: half(film()), {"file_damaged"}),
    "film whose index came and whose pictures did not": ("video", lambda: _without_pictures(), {"file_damaged"}),
    "noise in boxes": ("video", lambda: b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(200_000), {"file_damaged"}),
    "noise after an opus header": ("voice", lambda: b"OggS" + random.Random(2).randbytes(100_000), {"file_damaged"}),
    "ten hours in 1.8 megabytes": ("voice", lambda: amr_of_hours(10), {"too_long"}),
    "a thousand streams": ("voice", lambda: of_many_streams(1000), {"too_heavy", "file_damaged"}),
    "four billion samples": ("voice", lambda: of_many_samples(), {"too_heavy", "file_damaged", "too_long"}),
    "8k film": ("video", lambda: film(width=7680, height=4320, pictures=1, with_sound=None), {"too_many_pixels"}),
    "8k after a small beginning": ("video", growing, {"too_many_pixels", "too_heavy", "file_damaged"}),
    "sound alone as film": ("video", lambda: sound(0.5), {"unsupported_media"}),
    "film without sound as voice": ("voice", lambda: film(with_sound=None), {"unsupported_media"}),
    "codec that nobody records": (
        "video",
        lambda: film(container="matroska", codec="ffv1", with_sound=None, options={}),
        {"unsupported_media"},
    ),
}


def _without_pictures() -> bytes:
    content = film(pictures=30, width=640, height=480)
    start = content.index(b"mdat") + 4
    return content[:start] + bytes(content.index(b"moov") - 4 - start) + content[content.index(b"moov") - 4 :]


#: Sound and film under headers that say something else: kind and content.
LYING: dict[str, tuple[str, Callable[[], bytes]]] = {
    "ten hours by its header": ("voice", lambda: claiming_duration(sound(1.0), 36_000)),
    "film of ten hours by its header": ("video", lambda: claiming_duration(film(), 36_000)),
    "65535 pixels by its boxes": ("video", lambda: of_size(65_535, 65_535)),
}

#: Harmless in what becomes of them, whatever else they are: kind and content.
NEUTRALISED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "page behind a film": ("video", lambda: film() + HTML * 100),
    "page in a film's notes": ("video", lambda: film(metadata={"comment": HTML.decode()})),
    "page in a recording's notes": ("voice", lambda: sound(metadata={"comment": HTML.decode(), "title": "<script>"})),
    "page behind a recording": (
        "voice",
        lambda: sound(1.0, container="mp3", codec="libmp3lame", rate=44_100) + HTML * 20,
    ),
}
