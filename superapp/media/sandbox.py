"""Runs ``studio`` on a file: a process of its own that may use so much time and memory, and no more.

Whatever the file does to it, here it is one of three things: a result, a refusal that is good for ever, or
``Interrupted``, which says nothing about the file and may be tried again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

STUDIO = Path(__file__).with_name("studio.py")
SOURCE, PLAYABLE = "source", "playable"
# Time for the rest of the task, such as reading from storage and writing to it, is left by Celery's limits.
WALL_SECONDS = 40
GRACE_SECONDS = 3
_MAX_SAID_BYTES = 64 * 1024
#: By these it dies when the libraries inside break, which is what a hostile file is made for.
_BROKE = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}


class Interrupted(Exception):
    """The process was ended from outside, or had to wait for too long on a busy machine."""


@dataclass(frozen=True)
class Picture:
    path: Path
    width: int
    height: int


@dataclass(frozen=True)
class Outcome:
    """What became of a file. With a ``refusal`` (a code), nothing else; the paths end with the block of the work."""

    refusal: str
    playable: Path
    content_type: str = ""
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    waveform: bytes | None = None
    pictures: Mapping[str, Picture] | None = None
    peak_kib: int = 0


@contextmanager
def work(
    source: IO[bytes], *, kind: str, container: str, max_seconds: int, pictures: Mapping[str, int]
) -> Iterator[Outcome]:
    """Make the clean copy of a ``voice`` or ``video``; of the latter also ``pictures`` (name to longest side).

    Raises ``Interrupted``.
    """
    with tempfile.TemporaryDirectory(prefix="superapp-media-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        with (place / SOURCE).open("wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
        job = {
            "kind": kind,
            "container": container,
            "max_seconds": max_seconds,
            "max_pixels": settings.MEDIA_VIDEO_MAX_PIXELS,
            "max_side": settings.MEDIA_VIDEO_MAX_SIDE,
            "pictures": dict(pictures),
            "limits": {
                "cpu_seconds": settings.MEDIA_WORK_CPU_SECONDS,
                "wall_seconds": WALL_SECONDS,
                "memory_bytes": settings.MEDIA_WORK_MEMORY_BYTES,
                "file_bytes": settings.API_MAX_UPLOAD_BYTES,
            },
        }
        yield _outcome(_run(job, place), place)


def _run(job: dict[str, Any], place: Path) -> dict[str, Any]:
    with (place / "said").open("w+b") as said:
        # Isolated: neither the environment nor the directory, which a stranger's file is in, has a say in what runs.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", str(STUDIO)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=place,
            env={"LANG": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            # It ends by itself after the same time; this is for one that is stopped or never got that far.
            process.communicate(json.dumps(job).encode(), timeout=WALL_SECONDS + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Interrupted("it did not end") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        return _reading(process.returncode, said.read(_MAX_SAID_BYTES))


def _reading(code: int, said: bytes) -> dict[str, Any]:
    if code == -signal.SIGXCPU:
        return {"refusal": "too_heavy", "reason": "time"}
    if -code in _BROKE:
        return {"refusal": "file_damaged", "reason": f"signal {-code}"}
    if code == 0:
        try:
            result = json.loads(said)
        except ValueError:
            # The interpreter itself found no memory to say anything.
            return {"refusal": "too_heavy", "reason": "memory"}
        if isinstance(result, dict):
            return result
    raise Interrupted(f"it ended with {code}")


def _outcome(result: dict[str, Any], place: Path) -> Outcome:
    log.info("media.studio_done", refusal=result.get("refusal"), reason=result.get("reason"), **_peak(result))
    if result.get("refusal"):
        return Outcome(refusal=result["refusal"], playable=place / PLAYABLE, peak_kib=result.get("peak_kib", 0))
    waveform = result.get("waveform")
    return Outcome(
        refusal="",
        playable=place / PLAYABLE,
        content_type=result["content_type"],
        width=result.get("width"),
        height=result.get("height"),
        duration_ms=result["duration_ms"],
        waveform=None if waveform is None else bytes(waveform),
        pictures={
            name: Picture(path=place / name, width=size["width"], height=size["height"])
            for name, size in result.get("pictures", {}).items()
        },
        peak_kib=result["peak_kib"],
    )


def _peak(result: dict[str, Any]) -> dict[str, Any]:
    return {"peak_kib": result["peak_kib"]} if result.get("peak_kib") else {}
