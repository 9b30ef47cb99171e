"""Bytes in storage, whichever that is: a directory here, an S3-compatible service in production."""

import secrets
from types import TracebackType
from typing import IO, Self

import structlog
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from superapp.core.errors import Unavailable

log = structlog.get_logger(__name__)


class NewFiles:
    """Files written ahead of their rows, outside the transaction. Without ``keep`` they go when the block ends.

    ::

        with NewFiles() as new:
            key = new.write(content)
            with transaction.atomic():
                ...  # insert the row
                new.keep()
    """

    def __init__(self) -> None:
        self._keys: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        for key in self._keys:
            delete(key)

    def write(self, content: bytes | IO[bytes]) -> str:
        """Store ``content`` under a fresh key and return it. Raises ``Unavailable`` when storage does not take it."""
        token = secrets.token_hex(16)
        # Two levels of directories keep each one small on file systems that care.
        key = f"{token[:2]}/{token[2:4]}/{token}"
        self._keys.append(key)
        try:
            return default_storage.save(key, ContentFile(content) if isinstance(content, bytes) else File(content))
        except OSError as error:
            log.exception("media.storage_failed", storage_key=key)
            raise Unavailable from error

    def keep(self) -> None:
        """The last thing inside the transaction. After it only the commit can fail, and if the connection breaks there,
        nobody knows whether it counted: a file without a row harms nobody, a row without its file does."""
        self._keys.clear()


def delete(key: str) -> bool:
    """False when storage did not let it go, which is logged. A file that is not there is gone."""
    try:
        default_storage.delete(key)
    except OSError:
        log.exception("media.delete_failed", storage_key=key)
        return False
    return True
