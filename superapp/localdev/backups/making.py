"""A backup of a running product: one moment of the database, then every file that this moment can name."""

import hashlib
import os
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from superapp.localdev import places
from superapp.localdev.backups import archive, contents, tools
from superapp.localdev.backups.archive import Manifest
from superapp.localdev.progress import Problem, note, step


def make_backup(
    *, owner_url: str, app_role: str, media_root: Path | None, media_storage: str, file: Path | None = None
) -> Path:
    """Write the archive and return its path. ``media_root`` is null where media are not in a directory.

    Nothing has to be stopped. Raises ``Problem``; then there is no file.
    """
    path = (file or _default_path()).absolute()
    _check_place(path, named=file is not None)
    version = tools.server_version(owner_url)
    with archive.written(path) as tar:
        manifest = _write(tar, path.parent, owner_url, version, app_role, media_root, media_storage)
        archive.add_bytes(tar, archive.MANIFEST, manifest.as_json())
    note("backup", f"{places.shown(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    if manifest.media_files is None:
        note("media", f"are in {media_storage} and not in this file: back up or version the bucket itself")
    if manifest.media_missing:
        note("media", f"{manifest.media_missing} files that rows name were not in {media_root}")
    return path


def _default_path() -> Path:
    # Not in .local/: `make reset` deletes that.
    folder = places.CLONE / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"superapp-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"


def _check_place(path: Path, *, named: bool) -> None:
    if path.exists():
        raise Problem(f"{path} exists already.", cure="Name another file, or delete that one.")
    if not path.parent.is_dir():
        raise Problem(f"There is no directory {path.parent}.", cure="Make it, or name another place with FILE=….")


def _write(
    tar: tarfile.TarFile,
    folder: Path,
    owner_url: str,
    version: int,
    app_role: str,
    media_root: Path | None,
    media_storage: str,
) -> Manifest:
    try:
        connection = psycopg2.connect(owner_url)
    except psycopg2.OperationalError as error:
        raise Problem(f"There is nothing to back up: {str(error).strip()}", cure="Check DATABASE_OWNER_URL.") from None
    try:
        # pg_dump sees exactly what is counted here, whatever is written meanwhile.
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone() or ("",)
        with step("database", "rows and structure as of now"):
            tools_version, digest = _dump(tar, folder, owner_url, version, snapshot)
            rows = contents.rows(connection)
        files, size, missing = None, 0, 0
        if media_root is not None:
            # After the database: a file is written before the row that names it.
            with step("media", f"files in {places.shown(media_root)}"):
                files, size = _add_media(tar, media_root)
            missing = contents.missing_files(connection, media_root)
        return Manifest(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=_commit(),
            server_version=version,
            tools_version=tools_version,
            app_role=app_role,
            migrations=contents.migrations(connection),
            rows=rows,
            privileges=contents.privileges(connection, app_role),
            dump_sha256=digest,
            media_files=files,
            media_bytes=size,
            media_storage=media_storage,
            media_missing=missing,
        )
    finally:
        connection.close()


def _dump(tar: tarfile.TarFile, folder: Path, owner_url: str, version: int, snapshot: str) -> tuple[int, str]:
    """Through a file beside the archive, because a tar has to know sizes beforehand."""
    program, tools_version = tools.program("pg_dump", server_version=version)
    where, environment = tools.connection_options(owner_url)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".superapp-dump-") as dump:
        command: list[str | Path] = [program, "--format=custom", f"--snapshot={snapshot}", where]
        made = subprocess.run(command, stdout=dump, stderr=subprocess.PIPE, env=environment, text=True, check=False)
        if made.returncode:
            raise Problem(
                f"pg_dump failed: {made.stderr.strip()}",
                cure="DATABASE_OWNER_URL must name the owner of all tables, past any pooler; and disks fill up.",
            )
        dump.seek(0)
        digest = hashlib.file_digest(dump, "sha256").hexdigest()
        tar.add(dump.name, arcname=archive.DUMP)
    return tools_version, digest


def _add_media(tar: tarfile.TarFile, media_root: Path) -> tuple[int, int]:
    count = size = 0
    for folder, folders, names in os.walk(media_root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            try:
                with path.open("rb") as file:
                    entry = tar.gettarinfo(arcname=archive.MEDIA + str(path.relative_to(media_root)), fileobj=file)
                    tar.addfile(entry, file)
            except FileNotFoundError:
                # Deleted since we looked; nobody could name it any more.
                continue
            count, size = count + 1, size + entry.size
    return count, size


def _commit() -> str:
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40"],
        cwd=places.CLONE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() or "unknown"
