"""The file itself: a tar of ``database.dump``, ``media/…`` and at its end ``manifest.json``, so that half a file is
never taken for a whole one."""

import dataclasses
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superapp.localdev.progress import Problem

FORMAT = 1
DUMP, MEDIA, MANIFEST = "database.dump", "media/", "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What the archive was made from. ``rows`` and ``privileges`` are by table, of one moment."""

    created_at: str
    commit: str
    server_version: int
    tools_version: int
    app_role: str
    migrations: list[list[str]]
    rows: Mapping[str, int]
    privileges: Mapping[str, str]
    dump_sha256: str
    #: Null: media are in another storage than a directory, named by ``media_storage``, and not in here.
    media_files: int | None
    media_bytes: int
    media_storage: str
    #: Files that rows named and that were not there any more.
    media_missing: int
    format: int = FORMAT

    def as_json(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False).encode()

    @classmethod
    def of_json(cls, text: bytes) -> "Manifest":
        fields: dict[str, Any] = json.loads(text)
        if fields.get("format") != FORMAT:
            raise Problem(
                f"This backup has the format {fields.get('format')}, and this release reads {FORMAT}.",
                cure=f"Restore it with the code that made it (commit {fields.get('commit')}), then upgrade.",
            )
        return cls(**fields)


@contextmanager
def written(path: Path) -> Iterator[tarfile.TarFile]:
    """A new archive, readable by its owner only, which gets its name when it is complete and on the disk."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        raise Problem(
            f"Cannot write {path}: {error.strerror}.", cure="Free some space there, or name another place with FILE=…."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


@contextmanager
def opened(path: Path) -> Iterator[tuple[tarfile.TarFile, Manifest]]:
    """Raises ``Problem`` for whatever is not a complete archive."""
    try:
        archive = tarfile.open(path)  # noqa: SIM115  (closed below)
    except (OSError, tarfile.TarError) as error:
        raise Problem(
            f"{path} is not a backup: {getattr(error, 'strerror', None) or error}.", cure="Name one: FILE=…."
        ) from None
    with archive:
        try:
            member = archive.extractfile(MANIFEST)
            assert member is not None
            manifest = Manifest.of_json(member.read())
        except (KeyError, EOFError, ValueError, TypeError, tarfile.TarError):
            raise Problem(
                f"{path} is incomplete: its last entry, {MANIFEST}, is missing or damaged.", cure="Use another backup."
            ) from None
        yield archive, manifest
