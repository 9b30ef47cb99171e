"""Sound and film, made here in moments: a tone, and some coloured pictures."""

import io
import math
import struct
from array import array
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
