"""What a file is by its first bytes, which is all that anybody believes of it; and a name that harms nobody."""

import re
import unicodedata
from typing import IO

HEAD_BYTES = 64
#: Containers of sound and film, by the names that the studio's demuxers have.
VOICE_CONTAINERS = frozenset({"mov", "ogg", "matroska", "amr", "mp3", "wav", "aac"})
VIDEO_CONTAINERS = frozenset({"mov", "matroska"})

_MAX_NAME = 120
_MAX_SUFFIX = 12
# Pictures live in the same boxes as films.
_PICTURE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx "}
_SIGNATURES = ((b"OggS", "ogg"), (b"\x1a\x45\xdf\xa3", "matroska"), (b"#!AMR", "amr"), (b"ID3", "mp3"))
# Types under which a browser runs nothing, whatever is in the file; all else is bytes.
_SAFE_TYPES = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


def head(file: IO[bytes]) -> bytes:
    file.seek(0)
    first = file.read(HEAD_BYTES)
    file.seek(0)
    return first


def container(first: bytes) -> str | None:
    """Which kind of sound or film this may be; None when it is neither."""
    for signature, name in _SIGNATURES:
        if first.startswith(signature):
            return name
    if first[4:8] == b"ftyp":
        return None if first[8:12] in _PICTURE_BRANDS else "mov"
    if first[4:8] in {b"moov", b"mdat", b"wide"}:
        return "mov"
    if first[:4] == b"RIFF" and first[8:12] == b"WAVE":
        return "wav"
    return _by_frame_header(first)


def _by_frame_header(first: bytes) -> str | None:
    """MPEG audio begins with eleven set bits; without a layer it is AAC's framing of the same kind (ADTS)."""
    if len(first) < 2 or first[0] != 0xFF or first[1] & 0xE0 != 0xE0:
        return None
    return "mp3" if first[1] & 0x06 else ("aac" if first[1] & 0xF0 == 0xF0 else None)


def safe_type(first: bytes) -> str:
    """The type that a file is delivered as, always as an attachment."""
    for signature, content_type in _SAFE_TYPES:
        if first.startswith(signature):
            return content_type
    return "application/octet-stream"


def clean_name(name: str) -> str:
    """One line without directories, controls or marks that make it look like another name; its suffix is kept."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(one for one in name if unicodedata.category(one)[0] != "C")
    name = re.sub(r"\s+", " ", name).strip(" .")
    if len(name) > _MAX_NAME:
        stem, dot, suffix = name.rpartition(".")
        end = dot + suffix if stem and len(suffix) <= _MAX_SUFFIX else ""
        name = name[: _MAX_NAME - len(end)].rstrip(" .") + end
    return name or "file"
