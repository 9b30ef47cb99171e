"""From an archive into a draft of a database, which takes the real one's place once everything has been compared."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from django.db.migrations.loader import MigrationLoader
from psycopg2.extensions import parse_dsn

from superapp.localdev import database, places
from superapp.localdev.backups import archive, contents, tools
from superapp.localdev.backups.archive import Manifest
from superapp.localdev.progress import Problem, note, step

# Set-up makes these itself, for the roles of this server; the last one is the administrator's.
NOT_RESTORED = (" SCHEMA - public ", " DEFAULT ACL ", " COMMENT - EXTENSION ")


def restore_backup(*, file: Path, app_url: str, owner_url: str, media_root: Path | None, replace: bool = False) -> None:
    """Put the archive where ``owner_url`` points. Refuses a database with people in it unless ``replace``.

    Raises ``Problem``; then the database is as it was before.
    """
    with archive.opened(file) as (tar, manifest):
        _check_target(manifest, app_url, owner_url, replace=replace)
        name = database.name_in(owner_url)
        draft = f"{name}_restoring"[:63]
        draft_app, draft_owner = (database.with_database(url, draft) for url in (app_url, owner_url))
        try:
            database.drop(owner_url, draft)
            database.make(draft_app, draft_owner)
            with step("database", f"as it was at {manifest.created_at}"):
                _fill(tar, manifest, draft_owner)
                # Only now: grants for new tables must not widen what the archive grants on its own.
                database.allow(draft_app, draft_owner)
            with step("compare", "rows, migrations, rights"):
                _compare(manifest, draft_owner)
            with step("check", "manage.py check, and ids that name nobody"):
                _check_with_code(manifest, draft_app, draft_owner)
            if media_root is not None:
                with step("media", f"{manifest.media_files or 0} files into {places.shown(media_root)}"):
                    _put_media(tar, manifest, media_root, draft_owner)
            database.replace(owner_url, draft=draft, name=name)
        finally:
            database.drop(owner_url, draft)
    people = manifest.rows.get("accounts_user", 0)
    note("restored", f"{people} people, {sum(manifest.rows.values())} rows; restart the processes that were running")
    if manifest.media_files is None:
        note("media", f"were in {manifest.media_storage} and not in this file: restore the bucket itself")


def _check_target(manifest: Manifest, app_url: str, owner_url: str, *, replace: bool) -> None:
    role = parse_dsn(app_url)["user"]
    if role != manifest.app_role:
        raise Problem(
            f"The backup grants rights to the role {manifest.app_role}, and DATABASE_URL signs in as {role}.",
            cure=f"Name {manifest.app_role} in DATABASE_URL; it is made if it does not exist yet.",
        )
    version = tools.server_version(owner_url)
    if version < manifest.server_version:
        raise Problem(
            f"The backup is PostgreSQL {manifest.server_version}'s, and this server is {version}.",
            cure=f"Restore into PostgreSQL {manifest.server_version} or newer.",
        )
    if not replace and (found := _found_in(owner_url)):
        raise Problem(
            f"The database {database.name_in(owner_url)} is not empty: {found}.",
            cure="Restore into an empty one, or replace all of it: YES=1.",
        )


def _found_in(owner_url: str) -> str:
    """What a person would miss. A database that does not exist, or was only migrated, has nothing of that kind."""
    name = database.name_in(owner_url)
    if name not in database.names(owner_url, prefix=name):
        return ""
    with database.connected(owner_url) as connection:
        tables = contents.tables(connection)
        if "accounts_user" not in tables:
            return f"it has the tables {', '.join(tables[:3])} …" if tables else ""
        people = contents.count(connection, "accounts_user")
        return f"{people} people live in it" if people else ""


def _fill(tar: tarfile.TarFile, manifest: Manifest, owner_url: str) -> None:
    program, _ = tools.program("pg_restore", server_version=manifest.tools_version)
    with tempfile.TemporaryDirectory(prefix="superapp-restore-", dir=_roomy()) as folder:
        dump = Path(folder) / archive.DUMP
        member = tar.extractfile(archive.DUMP)
        assert member is not None
        with dump.open("wb") as file:
            shutil.copyfileobj(member, file, 1 << 20)
        with dump.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != manifest.dump_sha256:
                raise Problem("The database in this backup is damaged: its checksum differs.", cure="Use another one.")
        wanted = Path(folder) / "list"
        listed = subprocess.run([program, "--list", dump], capture_output=True, text=True, check=True).stdout
        lines = [line for line in listed.splitlines() if not any(kind in line for kind in NOT_RESTORED)]
        wanted.write_text("\n".join(lines) + "\n")
        where, environment = tools.connection_options(owner_url)
        command: list[str | Path] = [program, "--no-owner", "--exit-on-error", f"--use-list={wanted}", where, dump]
        made = subprocess.run(command, capture_output=True, env=environment, text=True, check=False)
    if made.returncode:
        raise Problem(
            f"pg_restore failed: {made.stderr.strip()}", cure="Nothing was changed; the server's log says more."
        )


def _roomy() -> Path | None:
    """Not /tmp where it can be helped: that is often memory."""
    return next((path for path in (places.LOCAL, Path("/var/tmp")) if os.access(path, os.W_OK)), None)  # noqa: S108


def _compare(manifest: Manifest, owner_url: str) -> None:
    with database.connected(owner_url) as connection:
        arrived = {
            "rows": contents.rows(connection),
            "migrations": contents.migrations(connection),
            "rights": contents.privileges(connection, manifest.app_role),
        }
    left = {"rows": manifest.rows, "migrations": manifest.migrations, "rights": manifest.privileges}
    for what, before in left.items():
        if arrived[what] != before:
            raise Problem(
                f"The {what} that arrived are not those that were backed up: {_difference(before, arrived[what])}.",
                cure="Nothing was changed. Use another backup, and keep this one: it should be looked at.",
            )


def _difference(before: object, after: object) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        return ", ".join(f"{name} {before.get(name)} → {after.get(name)}" for name in names[:5])
    return f"{before} → {after}"


def _check_with_code(manifest: Manifest, app_url: str, owner_url: str) -> None:
    other_code = f"Restore it with the code that made it: commit {manifest.commit}."
    known = MigrationLoader(None).disk_migrations.keys()
    if unknown := [f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in known]:
        raise Problem(f"The backup has migrations that this code lacks: {', '.join(unknown[:3])}.", cure=other_code)
    result = subprocess.run(
        [sys.executable, "-m", "superapp.localdev.backups.checking"],
        cwd=places.CLONE,
        env=os.environ | {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode:
        raise Problem(f"What was restored is not in order: {result.stdout.strip()}", cure=other_code)


def _put_media(tar: tarfile.TarFile, manifest: Manifest, media_root: Path, owner_url: str) -> None:
    """Beside what is there: a key is random and its content never changes, so nothing is overwritten."""
    count = size = 0
    media_root.mkdir(parents=True, exist_ok=True)
    for member in tar:
        if not member.name.startswith(archive.MEDIA) or not member.isfile():
            continue
        target = (media_root / member.name.removeprefix(archive.MEDIA)).resolve()
        if not target.is_relative_to(media_root.resolve()):
            raise Problem(f"The backup wants to write {member.name}.", cure="It was not made by us; do not use it.")
        _write_file(tar, member, target)
        count, size = count + 1, size + member.size
    if (count, size) != (manifest.media_files or 0, manifest.media_bytes):
        raise Problem(
            f"{count} files of {size} bytes arrived, {manifest.media_files} of {manifest.media_bytes} were backed up.",
            cure="Nothing but files was added. Use another backup.",
        )
    with database.connected(owner_url) as connection:
        missing = contents.missing_files(connection, media_root)
    if manifest.media_files is not None and missing > manifest.media_missing:
        raise Problem(f"{missing} files that rows name are not in {media_root}.", cure="Use another backup.")


def _write_file(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    with draft.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    draft.replace(target)
