"""Files in a private bucket of an S3-compatible store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

#: How long the store's own address of a file works. So long, at most, does it outlive the link that led to it.
MOMENT_SECONDS = 30


@contextmanager
def _as_os_error() -> Iterator[None]:
    """The rest of the room knows files, whichever store they are in."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"the store refused: {error}") from error


class PrivateBucket(S3Storage):
    def momentary_url(self, key: str, *, method: str, content_type: str, disposition: str) -> str:
        """An address that anybody may fetch the file from, for a moment; computed here, without asking the store."""
        parameters = {
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": "private, max-age=600",
        }
        with _as_os_error():
            address: str = self.url(key, parameters, MOMENT_SECONDS, method)
        return address

    def _open(self, name: str, mode: str = "rb") -> Any:
        with _as_os_error():
            opened = super()._open(name, mode)
            # Fetched here and not at the first read, so that a store that fails does so where it is expected.
            opened.open(mode)
            return opened

    def _save(self, name: str, content: Any) -> str:
        with _as_os_error():
            saved: str = super()._save(name, content)
        return saved

    def delete(self, name: str) -> None:
        with _as_os_error():
            super().delete(name)
