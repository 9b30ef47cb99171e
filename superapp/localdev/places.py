"""Where a clone keeps what it runs: data in ``.local/<instance>``, sockets in a short directory, one lock per instance.

An instance is a set of servers with their own data: ``run`` for `make run`, ``test`` (``test-2`` …) for tests.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TextIO

from superapp.localdev.processes import Account
from superapp.localdev.progress import Problem

CLONE = Path(__file__).resolve().parents[2]
LOCAL = CLONE / ".local"
# The kernel's limit for a socket's path is 104 bytes on macOS and 108 on Linux.
MAX_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"


def shown(path: Path) -> str:
    """The path as a person in the clone would type it."""
    return str(path.relative_to(CLONE)) if path.is_relative_to(CLONE) else str(path)


def inside(instance: str) -> Path:
    """The instance's directory in the clone, made if it is missing."""
    directory = LOCAL / instance
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            # Postgres refuses to run as root; the user that it runs as has to pass through.
            for part in (LOCAL, directory):
                part.chmod(part.stat().st_mode | 0o711)
        # Without a name that another process could take away at the same moment.
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Problem(
            f"Cannot write to {directory}: {error.strerror}.",
            cure=f"Give yourself the directory ({LOCAL}), or delete it as the user who owns it.",
        ) from None
    return directory


def socket_directory(instance: str, *, account: Account | None) -> Path:
    """A directory for unix sockets that only we, and ``account`` if given, can enter."""
    # Checked below to be ours. TMPDIR is too long for a socket on macOS.
    shared = Path("/tmp")  # noqa: S108
    if not os.access(shared, os.W_OK):
        shared = Path(tempfile.gettempdir())
    try:
        directory = own_directory(shared) / instance
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"Cannot write to {shared}: {error.strerror}.", cure="Make room there, or set TMPDIR to another directory."
        ) from None
    if len(f"{directory}{LONGEST_SOCKET_NAME}".encode()) > MAX_SOCKET_PATH:
        raise Problem(f"{directory} is too long for a socket's path.", cure="Set TMPDIR to a shorter directory.")
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    return directory


def own_directory(parent: Path) -> Path:
    """This clone's and this user's directory in ``parent``, which others may write to as well."""
    for directory in _candidates(parent):
        try:
            directory.mkdir(mode=0o711)
        except FileExistsError:
            pass
        if _ours(directory):
            directory.chmod(0o711)
            (directory / "clone").write_text(f"{CLONE}\n")
            return directory
    raise Problem(f"{directory} belongs to somebody else.", cure="Delete it, or set TMPDIR to a directory of your own.")


def _candidates(parent: Path) -> list[Path]:
    name = hashlib.sha256(f"{CLONE}\n{os.geteuid()}".encode()).hexdigest()[:10]
    return [parent / f"superapp-{name}{suffix}" for suffix in ("", "-2", "-3", "-4")]


def _ours(directory: Path) -> bool:
    """Somebody else could have made it first, or put a link there."""
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def outside_data(instance: str) -> Path:
    """A directory for data that the clone itself cannot hold, because Postgres' own user may not enter the clone.

    Not in /tmp or /var/tmp where it can be helped: those are swept, and half a data directory is worse than none.
    ``.local/<instance>/outside`` points to it: a clone that was moved finds it again, and `make reset` deletes it.
    """
    pointer = inside(instance) / "outside"
    if pointer.exists() and _belongs_here(known := Path(pointer.read_text().strip())):
        return known
    parent = next(path for path in map(Path, ("/var/lib", "/var/tmp", "/tmp")) if os.access(path, os.W_OK))  # noqa: S108
    directory = own_directory(parent) / instance
    # Without the pointer, .local was deleted by hand, and with it the passwords of whatever is still here.
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o711)
    directory.chmod(0o711)
    pointer.write_text(f"{directory}\n")
    return directory


def _belongs_here(directory: Path) -> bool:
    """Whether it was made here, or by a clone that has since been moved here. A copied clone has to make its own."""
    owner = directory.parent / "clone"
    if not directory.is_dir() or not owner.exists() or owner.lstat().st_uid != os.geteuid():
        return False
    made_by = Path(owner.read_text().strip())
    if made_by != CLONE:
        if (made_by / ".local").exists():
            return False
        owner.write_text(f"{CLONE}\n")
    return True


def outside_of(instance: str) -> list[Path]:
    """Where the instance keeps data outside the clone, if it does."""
    pointer = LOCAL / instance / "outside"
    if pointer.exists() and _belongs_here(outside := Path(pointer.read_text().strip())):
        return [outside]
    return []


def delete(instance: str) -> None:
    """Delete the instance's data, wherever it is, and its sockets. The caller holds its claim."""
    for directory in (*outside_of(instance), *(shared / instance for shared in _shared()), LOCAL / instance):
        shutil.rmtree(directory, ignore_errors=True)


def delete_shared() -> None:
    """Delete what the clone's instances had in common outside of it. The caller holds all their claims."""
    for directory in _shared():
        shutil.rmtree(directory, ignore_errors=True)


def _shared() -> list[Path]:
    parents = [Path("/tmp"), Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/var/lib")]  # noqa: S108
    return [directory for parent in parents for directory in _candidates(parent) if _ours(directory)]


def remembered_secrets(instance: str) -> dict[str, str]:
    """The instance's passwords and keys, made once and kept while its data is."""
    path = inside(instance) / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {"secret_key", "postgres", "superapp_owner", "superapp_app"} - kept.keys()
    if missing:
        kept |= {name: secrets.token_urlsafe(48) for name in missing}
        write_privately(path, json.dumps(kept, indent=1))
    return kept


def write_privately(path: Path, text: str) -> None:
    """Write ``path`` at once, readable by nobody else."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


class Busy(Exception):
    """Another process holds the claim. ``holder`` is what it told about itself."""

    def __init__(self, holder: Mapping[str, str]) -> None:
        super().__init__("claimed by another process")
        self.holder = holder


class Claim:
    """The right to an instance. The kernel takes it back when the process ends, however it ends."""

    def __init__(self, instance: str) -> None:
        """Raises ``Busy``."""
        self.instance = instance
        self.path = inside(instance) / "lock"
        while True:
            self._file = self._open()
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(self._told()) from None
            # `make reset` may have deleted the file between our opening and locking it.
            if self.path.exists() and self.path.stat().st_ino == os.fstat(self._file.fileno()).st_ino:
                break
            self._file.close()
        self.tell(pid=str(os.getpid()))

    def _open(self) -> TextIO:
        try:
            return self.path.open("a+")
        except PermissionError:
            raise Problem(
                f"{shown(self.path)} belongs to another user.",
                cure="Run it as the user who ran it first, or let them `make reset`.",
            ) from None

    def tell(self, **facts: str) -> None:
        """Replace what others learn when they find the instance claimed."""
        self._file.seek(0)
        self._file.truncate()
        json.dump(facts, self._file)
        self._file.flush()

    def release(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _told(self) -> dict[str, str]:
        self._file.seek(0)
        try:
            facts: dict[str, str] = json.load(self._file)
        except ValueError:
            # The holder is just writing it.
            facts = {}
        self._file.close()
        return facts
