"""Files in a private bucket of an S3-compatible store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
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
    def __init__(self, *, addressing: str, **options: Any) -> None:
        """``addressing``: how the bucket is named in addresses, ``path``, ``virtual`` or ``auto``. Without keys the
        machine's own role counts, as boto3 finds it."""
        patience = Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing},
            connect_timeout=3,
            read_timeout=20,
            retries={"total_max_attempts": 2},
        )
        # Keys are random and written once, so nobody has to ask first whether one is taken. What is read comes onto
        # disk, not into memory.
        super().__init__(
            file_overwrite=True, default_acl=None, max_memory_size=1024 * 1024, client_config=patience, **options
        )

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
