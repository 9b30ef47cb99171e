"""Large bodies: whether anybody wants one is asked before it is read, and it is kept on disk and not in memory.

In front of the threads (``core.asgi``) nobody knows people or their limits. So a request that announces a large body is
shown to the application without it first; the endpoint refuses it, or says that it wants it.
"""

import tempfile
from collections.abc import Mapping, MutableMapping
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from superapp.core.errors import Unavailable

#: Bodies up to this size are read without asking.
UNASKED_BYTES = 1024 * 1024
# Keys of the request's scope, which no client has a word in.
_ASKING, _WANTED = "superapp.body.asking", "superapp.body.wanted"


def ask(scope: MutableMapping[str, Any]) -> None:
    """Mark a request whose body is still to come."""
    scope[_ASKING] = True


def take(scope: MutableMapping[str, Any]) -> None:
    """Mark a request whose body an endpoint wants."""
    scope[_WANTED] = True


def is_wanted(scope: Mapping[str, Any]) -> bool:
    return bool(scope.get(_WANTED))


def is_asked(environ: Mapping[str, Any]) -> bool:
    """Whether this is only the question."""
    return bool(_scope(environ).get(_ASKING))


def want(environ: Mapping[str, Any]) -> None:
    """The answer to the question: send it."""
    take(_scope(environ))


def was_wanted(environ: Mapping[str, Any]) -> bool:
    """Whether the question has been asked and answered; where nobody asks, the answer comes with the request itself."""
    return is_wanted(_scope(environ))


def _scope(environ: Mapping[str, Any]) -> MutableMapping[str, Any]:
    scope: MutableMapping[str, Any] = environ.get("asgi.scope", {})
    return scope


class OnDisk(FileUploadHandler):
    """Uploaded files: small ones in memory, others in files without a name, which nobody has to clean up."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115  (the request closes it)
            max_size=UNASKED_BYTES, dir=settings.FILE_UPLOAD_TEMP_DIR
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self._file.write(raw_data)
        except OSError as error:
            raise Unavailable from error

    def file_complete(self, file_size: int) -> UploadedFile:
        self._file.seek(0)
        return UploadedFile(
            file=self._file,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
