"""Where sound and film from strangers are taken apart: a program of its own that ``sandbox`` runs, once for each file.

It stands alone (nothing of the project, no settings, no secrets), takes a job as JSON from its standard input, works in
its current directory, and says what came of it as one line of JSON. Whatever a file does to the libraries here, it does
it within the limits that this process has set for itself before it opened it.
"""

import itertools
import json
import resource
import signal
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SOURCE, PLAYABLE = "source", "playable"
#: What phones record and messengers send. No other decoder is ever opened, not even to look.
AUDIO_CODECS = (
    "aac,opus,libopus,vorbis,libvorbis,mp3,mp3float,amrnb,amr_nb,amrwb,amr_wb,libopencore_amrnb,libopencore_amrwb,"
    "pcm_s16le,pcm_s16be,pcm_u8,pcm_s24le,pcm_s32le,pcm_f32le,pcm_alaw,pcm_mulaw"
)
VIDEO_CODECS = "h264,hevc,vp8,libvpx,vp9,libvpx-vp9,av1,libdav1d,mpeg4,h263"
MAX_STREAMS = 16
VOICE_RATE, VOICE_BITS_PER_SECOND = 32_000, 48_000
FILM_RATE, FILM_SOUND_BITS_PER_SECOND = 44_100, 96_000
#: What is made anew has at most this many pixels along its longer side and this many pictures per second.
FILM_SIDE, FILM_PICTURES_PER_SECOND = 1280, 30
WAVEFORM_PARTS = 64
PEAK_SAMPLES = VOICE_RATE // 50
JPEG_QUALITY = 85

Job = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def limit(cpu_seconds: int, wall_seconds: int, memory_bytes: int, file_bytes: int) -> None:
    """For good: the hard limits are set as well, so nothing that runs here later can lift them."""
    signal.alarm(wall_seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # First a signal that ends the process and says why, two seconds later one that cannot be caught.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
    if sys.platform == "linux":
        # What it allocates counts, and the code of libraries, which is shared, does not; the address space has both.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_AS, (3 * memory_bytes, 3 * memory_bytes))


def main() -> None:
    job: Job = json.loads(sys.stdin.buffer.read(64 * 1024))
    limit(**job.pop("limits"))
    try:
        # Only now: importing them is the first thing that these limits are about.
        import av

        try:
            result = voice(job) if job["kind"] == "voice" else film(job)
        except av.error.FFmpegError as error:
            raise _as_refusal(error) from None
    except Refused as refusal:
        result = {"refusal": refusal.code, "reason": refusal.reason}
    except MemoryError:
        result = {"refusal": "too_heavy", "reason": "memory"}
    except OSError as error:
        result = {"refusal": "too_heavy", "reason": f"output: {error.strerror}"}
    except (ArithmeticError, LookupError, ValueError) as error:
        # What bindings and arithmetic make of values that no sound file has.
        result = {"refusal": "file_damaged", "reason": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps({**result, "peak_kib": _peak_kib()}))


def _as_refusal(error: Any) -> Refused:
    import av

    if isinstance(error, MemoryError | BlockingIOError | av.error.ExternalError):
        # The last two are how encoders say that they got no memory, or no thread.
        return Refused("too_heavy", "memory")
    if isinstance(error, av.error.DecoderNotFoundError):
        return Refused("unsupported_media", "codec")
    return Refused("file_damaged", f"{type(error).__name__}: {error.strerror}")


def _peak_kib() -> int:
    """The most memory this program has had at once; 0 where the system does not say."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except OSError:
        return 0


@contextmanager
def opened(job: Job, codecs: str) -> Iterator[Any]:
    """The upload, read by the one demuxer that its first bytes named. It opens no other file and no address: what
    it reads comes through our own handle, and there is no protocol that it may use."""
    import av

    options = {
        "codec_whitelist": codecs,
        "protocol_whitelist": "none",
        "max_streams": str(MAX_STREAMS),
        "probesize": str(2 * 1024 * 1024),
    }
    with open(SOURCE, "rb") as file:
        try:
            container = av.open(file, format=job["container"], options=options, metadata_errors="ignore")
        except UnicodeError as error:
            raise Refused("file_damaged", str(error)) from None
        with container:
            if len(container.streams) > MAX_STREAMS:
                raise Refused("too_heavy", "streams")
            yield container


def _check_length(seconds: float, job: Job) -> None:
    # Encoders pad to whole frames, so that somebody who stops at the limit is a little over it.
    if seconds > job["max_seconds"] + 0.5:
        raise Refused("too_long", f"{seconds:.1f} s")


def _check_complete(container: Any, seconds: float) -> None:
    """A file that says it is much longer than what is in it was cut off on its way."""
    if seconds <= 0:
        raise Refused("file_damaged", "empty")
    declared = (container.duration or 0) / 1_000_000
    if seconds < 0.75 * declared - 0.5:
        raise Refused("file_damaged", f"{seconds:.1f} s of {declared:.1f} s")


def _declared_length(container: Any, job: Job) -> None:
    if container.duration:
        _check_length(container.duration / 1_000_000, job)


def _frames(container: Any, *streams: Any) -> Iterator[Any]:
    """Decoded frames of the streams in the file's order. A few bad packets are skipped, as players do."""
    import av

    good = bad = 0
    for packet in container.demux(*streams):
        try:
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            bad += 1
            if bad > 3 + good // 10:
                raise
            continue
        good += 1
        for frame in frames:
            yield packet.stream, frame


# --- voice ------------------------------------------------------------------------------------------------------------


def voice(job: Job) -> dict[str, Any]:
    """The sound alone, as AAC in MP4: every phone plays it, and nothing else that the file carried is in it."""
    import av

    with opened(job, AUDIO_CODECS) as source, av.open(PLAYABLE, "w", format="mp4", options=_quiet()) as target:
        stream = _sound_stream(source)
        if stream is None:
            raise Refused("unsupported_media", "no sound")
        _alone(stream)
        _declared_length(source, job)
        encoder = target.add_stream("aac", rate=VOICE_RATE, layout="mono", bit_rate=VOICE_BITS_PER_SECOND)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=VOICE_RATE)
        samples, peaks = 0, Peaks()
        for _, frame in _frames(source, stream):
            frame.pts = None
            for piece in resampler.resample(frame):
                samples += piece.samples
                _check_length(samples / VOICE_RATE, job)
                peaks.add(bytes(piece.planes[0])[: piece.samples * 2])
                target.mux(encoder.encode(piece))
        for piece in resampler.resample(None):
            samples += piece.samples
            peaks.add(bytes(piece.planes[0])[: piece.samples * 2])
            target.mux(encoder.encode(piece))
        _check_complete(source, samples / VOICE_RATE)
        target.mux(encoder.encode(None))
    return {
        "content_type": "audio/mp4",
        "duration_ms": max(1, round(samples * 1000 / VOICE_RATE)),
        "waveform": peaks.waveform(),
    }


class Peaks:
    """The loudest sample of every fiftieth of a second."""

    def __init__(self) -> None:
        self._rest = array("h")
        self._peaks: list[int] = []

    def add(self, samples: bytes) -> None:
        self._rest.frombytes(samples)
        whole = len(self._rest) // PEAK_SAMPLES * PEAK_SAMPLES
        for start in range(0, whole, PEAK_SAMPLES):
            self._take(self._rest[start : start + PEAK_SAMPLES])
        del self._rest[:whole]

    def _take(self, part: "array[int]") -> None:
        self._peaks.append(max(max(part), -min(part)))

    def waveform(self) -> list[int]:
        """At most ``WAVEFORM_PARTS`` numbers; 100 is the loudest moment, and silence is 0 throughout."""
        if self._rest:
            self._take(self._rest)
        count = min(WAVEFORM_PARTS, len(self._peaks))
        edges = [len(self._peaks) * index // count for index in range(count + 1)]
        parts = [max(self._peaks[start:end]) for start, end in itertools.pairwise(edges)]
        loudest = max(*parts, 1)
        # What nobody can hear is not blown up to look like speech.
        return [round(100 * part / loudest) if loudest > 64 else 0 for part in parts]


# --- film -------------------------------------------------------------------------------------------------------------


def film(job: Job) -> dict[str, Any]:
    """H.264 and AAC in MP4, and pictures of its beginning. What is H.264 and AAC already is not encoded again, but
    packed anew: the place, the maker and all that is no picture or sound stay behind."""
    with opened(job, f"{VIDEO_CODECS},{AUDIO_CODECS}") as source:
        seen = _picture_stream(source)
        _check_pixels(seen.codec_context.width, seen.codec_context.height, job)
        _declared_length(source, job)
        as_it_is = _plays_everywhere(source, seen)
    pictures, first = _posters(job)
    seconds, width, height = _repacked(job) if as_it_is else _made_anew(job)
    if as_it_is and _turn_of(first) % 180:
        width, height = height, width
    return {
        "content_type": "video/mp4",
        "duration_ms": max(1, round(seconds * 1000)),
        "width": width,
        "height": height,
        "pictures": pictures,
    }


def _picture_stream(container: Any) -> Any:
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return _decodable(stream)
    raise Refused("unsupported_media", "no film")


def _sound_stream(container: Any) -> Any | None:
    return _decodable(container.streams.audio[0]) if container.streams.audio else None


def _decodable(stream: Any) -> Any:
    """A stream whose codec has no name that anybody knows has no context either."""
    if stream.codec_context is None:
        raise Refused("unsupported_media", "codec")
    return stream


def _plays_everywhere(container: Any, seen: Any) -> bool:
    sound = _sound_stream(container)
    return (
        seen.codec_context.name == "h264"
        and seen.codec_context.pix_fmt in {"yuv420p", "yuvj420p"}
        and (sound is None or sound.codec_context.name == "aac")
    )


def _check_pixels(width: int, height: int, job: Job) -> None:
    if width <= 0 or height <= 0:
        raise Refused("file_damaged", "no size")
    if width * height > job["max_pixels"] or max(width, height) > job["max_side"]:
        raise Refused("too_many_pixels", f"{width} x {height}")


def _alone(stream: Any) -> None:
    """One of our decoders, in one thread: each further one would decode into memory of its own."""
    if stream.codec_context.name not in f"{AUDIO_CODECS},{VIDEO_CODECS}".split(","):
        raise Refused("unsupported_media", stream.codec_context.name)
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1


def _quiet() -> dict[str, str]:
    """The index in front, so that playing begins before all is there; no date and no name of the program in it."""
    return {"movflags": "+faststart", "fflags": "+bitexact"}


def _posters(job: Job) -> tuple[dict[str, Any], Any]:
    """JPEGs of the first picture, upright, by name; and the picture."""
    with opened(job, f"{VIDEO_CODECS},{AUDIO_CODECS}") as source:
        stream = _picture_stream(source)
        _alone(stream)
        stream.codec_context.skip_frame = "NONKEY"
        first = next((frame for _, frame in _frames(source, stream)), None)
        if first is None:
            raise Refused("file_damaged", "no picture")
        _check_pixels(first.width, first.height, job)
        made = {}
        for name, side in sorted(job["pictures"].items(), key=lambda item: -item[1]):
            width, height = _fitted(first.width, first.height, side, even=False)
            image = first.to_image(width=width, height=height, threads=1)
            if turn := _turn_of(first):
                image = image.rotate(turn, expand=True)
            image.save(name, "JPEG", quality=JPEG_QUALITY)
            made[name] = {"width": image.width, "height": image.height}
        return made, first


def _turn_of(frame: Any) -> int:
    """Degrees against the clock that make it upright; nobody holds a phone at an angle between these."""
    turn = int(frame.rotation) % 360
    return turn if turn in {90, 180, 270} else 0


def _fitted(width: int, height: int, side: int, *, even: bool) -> tuple[int, int]:
    """Not longer than ``side``, never enlarged; ``even`` as its chroma needs it."""
    scale = min(1.0, side / max(width, height))
    step = 2 if even else 1
    return tuple(max(step, round(length * scale) // step * step) for length in (width, height))  # type: ignore[return-value]


def _repacked(job: Job) -> tuple[float, int, int]:
    """The packets of the first film and its sound, in a new file."""
    import av

    with (
        opened(job, f"{VIDEO_CODECS},{AUDIO_CODECS}") as source,
        av.open(PLAYABLE, "w", format="mp4", options=_quiet()) as target,
    ):
        seen, sound = _picture_stream(source), _sound_stream(source)
        kept = [stream for stream in (seen, sound) if stream is not None]
        outputs = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        for output in outputs.values():
            output.metadata.clear()
        begin, end = None, 0.0
        for packet in source.demux(*kept):
            if packet.dts is None or packet.size == 0:
                continue
            if packet.stream is seen and packet.pts is not None:
                at = float(packet.pts * packet.time_base)
                begin = at if begin is None else min(begin, at)
                end = max(end, at + float((packet.duration or 0) * packet.time_base))
                _check_length(end - begin, job)
            packet.stream = outputs[packet.stream.index]
            target.mux(packet)
        seconds = end - (begin or 0.0)
        _check_complete(source, seconds)
        return seconds, seen.codec_context.width, seen.codec_context.height


def _made_anew(job: Job) -> tuple[float, int, int]:
    """Decoded, brought to a size that every phone plays, turned upright and encoded."""
    import av

    with (
        opened(job, f"{VIDEO_CODECS},{AUDIO_CODECS}") as source,
        av.open(PLAYABLE, "w", format="mp4", options=_quiet()) as target,
    ):
        seen, sound = _picture_stream(source), _sound_stream(source)
        pictures = Pictures(target, seen, job)
        streams, sounds = [seen], None
        _alone(seen)
        if sound is not None:
            _alone(sound)
            streams.append(sound)
            sounds = target.add_stream("aac", rate=FILM_RATE, layout="stereo", bit_rate=FILM_SOUND_BITS_PER_SECOND)
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=FILM_RATE)
        for stream, frame in _frames(source, *streams):
            if stream is seen:
                pictures.add(frame)
            elif sounds is not None:
                frame.pts = None
                for piece in resampler.resample(frame):
                    target.mux(sounds.encode(piece))
        if sounds is not None:
            target.mux(sounds.encode(None))
        seconds = pictures.finish()
        _check_complete(source, seconds)
        return seconds, pictures.size[0], pictures.size[1]


class Pictures:
    """Encodes what it is given; size and direction are those of the first picture."""

    def __init__(self, target: Any, seen: Any, job: Job) -> None:
        self._target, self._seen, self._job = target, seen, job
        self._encoder: Any = None
        self._turn: Any = None
        self._begin: float | None = None
        self._last, self._end = -1.0, 0.0
        self.size = (0, 0)

    def add(self, frame: Any) -> None:
        _check_pixels(frame.width, frame.height, self._job)
        if self._encoder is None:
            self._set_up(frame)
        at = frame.time
        if at is None:
            return
        self._begin = at if self._begin is None else self._begin
        at -= self._begin
        if at - self._last < 0.9 / FILM_PICTURES_PER_SECOND and self._last >= 0:
            return
        self._end = at + float((frame.duration or 0) * frame.time_base)
        _check_length(self._end, self._job)
        picture = frame.reformat(width=self._inner[0], height=self._inner[1], format="yuv420p", threads=1)
        picture = self._upright(picture)
        picture.pts, picture.time_base = round(at * 90_000), self._encoder.codec_context.time_base
        picture.pict_type = 0
        self._target.mux(self._encoder.encode(picture))
        self._last = at

    def finish(self) -> float:
        if self._encoder is None:
            raise Refused("file_damaged", "no picture")
        self._target.mux(self._encoder.encode(None))
        return max(self._end, 1 / FILM_PICTURES_PER_SECOND)

    def _set_up(self, frame: Any) -> None:
        from fractions import Fraction

        self._inner = _fitted(frame.width, frame.height, FILM_SIDE, even=True)
        self._rotation = _turn_of(frame)
        self.size = self._inner if self._rotation % 180 == 0 else (self._inner[1], self._inner[0])
        encoder = self._target.add_stream("libx264", rate=FILM_PICTURES_PER_SECOND)
        encoder.width, encoder.height = self.size
        encoder.pix_fmt = "yuv420p"
        encoder.codec_context.time_base = Fraction(1, 90_000)
        encoder.codec_context.thread_count = 1
        # Without looking ahead: a dozen pictures would be in memory at once.
        encoder.options = {"preset": "superfast", "crf": "27", "rc-lookahead": "0", "bf": "0", "threads": "1"}
        self._encoder = encoder

    def _upright(self, picture: Any) -> Any:
        if not self._rotation:
            return picture
        if self._turn is None:
            self._turn = _turning(picture, self._rotation)
        self._turn.push(picture)
        return self._turn.pull()


def _turning(picture: Any, rotation: int) -> Any:
    """A graph of filters that turns pictures against the clock."""
    from fractions import Fraction

    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 90_000)
    )
    for direction in {90: ["cclock"], 180: ["clock", "clock"], 270: ["clock"]}[rotation]:
        step = graph.add("transpose", direction)
        source.link_to(step)
        source = step
    source.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


if __name__ == "__main__":
    main()
