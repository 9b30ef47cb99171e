"""Zip files for a copy of somebody's data, written into files on disk, part by part and block by block."""

import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO

import structlog
from django.utils import translation
from django.utils.translation import gettext

from superapp.accounts.registry import Part, Room, Rows, StoredFile
from superapp.core.errors import NotFound
from superapp.media import selectors as media

log = structlog.get_logger(__name__)

#: A piece ends at the first part that goes beyond one of these.
PIECE_BYTES, PIECE_SECONDS = 64 * 1024 * 1024, 15.0
#: An archive holds as many pieces as fit, and at least one.
ARCHIVE_BYTES = 512 * 1024 * 1024
_BLOCK = 64 * 1024


@dataclass
class Piece:
    """``offset``: parts of its room that are done with it."""

    content: IO[bytes]
    offset: int
    is_last: bool
    is_empty: bool


@contextmanager
def piece(room: Room, *, user_id: int, offset: int) -> Iterator[Piece]:
    """The next parts of a room, in its folder. What is left out is neither opened nor walked through."""
    began, taken, is_last = time.monotonic(), 0, True
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            parts = room.export(user_id)
            for part in islice(parts, offset, None):
                _write(archive, room.name, part)
                taken += 1
                if file.tell() > PIECE_BYTES or time.monotonic() - began > PIECE_SECONDS:
                    is_last = next(parts, None) is None
                    break
        yield Piece(content=file, offset=offset + taken, is_last=is_last, is_empty=not taken)


def _write(archive: zipfile.ZipFile, folder: str, part: Part) -> None:
    path, content = part
    path = f"{folder}/{path}"
    match content:
        case Rows():
            with archive.open(f"{path}.jsonl", "w", force_zip64=True) as lines:
                for row in content.rows:
                    lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        case StoredFile():
            _copy_file(archive, path, content)
        case _:
            archive.writestr(f"{path}.json", json.dumps(content, ensure_ascii=False, indent=2))


def _copy_file(archive: zipfile.ZipFile, path: str, content: StoredFile) -> None:
    # Photos, sound and film are packed already.
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_STORED
    try:
        with content.open() as source, archive.open(entry, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, _BLOCK)
    except NotFound:
        # One file that storage has lost does not cost all the others; the copy says so.
        log.warning("export.file_missing", path=path)
        archive.writestr(f"{path}.missing", "")


def fitting(sizes: Sequence[int]) -> int:
    """How many of the next pieces go into one archive."""
    taken, total = 0, 0
    for size in sizes:
        total += size
        if taken and total > ARCHIVE_BYTES:
            break
        taken += 1
    return taken


@contextmanager
def packed(asset_ids: Sequence[int], *, language: str, made_at: datetime) -> Iterator[IO[bytes]]:
    """One archive of these pieces, with an index for people."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for asset_id in asset_ids:
                with media.opened(media.kept_file(asset_id)) as source, zipfile.ZipFile(source) as piece:
                    _append(archive, piece)
            with translation.override(language):
                archive.writestr("index.txt", _index(archive, made_at))
        yield file


def _append(archive: zipfile.ZipFile, piece: zipfile.ZipFile) -> None:
    for entry in piece.infolist():
        copied = zipfile.ZipInfo(entry.filename, entry.date_time)
        copied.compress_type = entry.compress_type
        with piece.open(entry) as source, archive.open(copied, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, _BLOCK)


def _index(archive: zipfile.ZipFile, made_at: datetime) -> str:
    date = f"{made_at:%Y-%m-%d %H:%M}"
    lines = [
        gettext("A copy of what Superapp keeps of you, made on %(date)s (UTC).") % {"date": date},
        gettext("There is a folder for each part of the product. Files that end in .jsonl have one entry per line."),
        "",
    ]
    lines += [f"{entry.filename}  {entry.file_size}" for entry in archive.infolist()]
    return "\n".join(lines) + "\n"
