"""The files themselves, at ``/media/…`` beside the API: image loaders send no Authorization header."""

import io
import re
from typing import IO

import structlog
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_exempt

from superapp.core.errors import MethodNotAllowed, NotFound, Unavailable
from superapp.media import selectors
from superapp.media.links import Claim
from superapp.media.models import Asset
from superapp.media.selectors import LinkedFile

log = structlog.get_logger(__name__)

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


@csrf_exempt  # It changes nothing, and answers other methods itself.
def deliver(request: HttpRequest, asset_id: int, name: str) -> HttpResponseBase:
    """The file behind a signed link for whoever shows it, as long as its viewer may see it.

    A store that hands out files itself is asked for an address that works for a moment; all else is streamed, whole or
    in the part that a player asks for.
    """
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed
    claim = Claim(**{part: request.GET.get(part, "") for part in ("viewer", "device", "expires", "signature")})
    linked = selectors.linked_file(asset_id=asset_id, name=name, claim=claim)
    disposition = _disposition(linked.asset)
    if sign := getattr(default_storage, "momentary_url", None):
        response: HttpResponseBase = HttpResponseRedirect(
            sign(
                linked.file.storage_key,
                method=request.method,
                content_type=linked.file.content_type,
                disposition=disposition,
            )
        )
        response["Cache-Control"] = "no-store"
        return response
    response = _streamed(request, linked, f'"{asset_id}-{name}"')
    response["Content-Disposition"] = disposition
    response["Cache-Control"] = f"private, max-age={int(linked.left.total_seconds())}"
    # Whatever a browser may take the bytes for, it runs nothing from here.
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _disposition(asset: Asset) -> str:
    """What we made ourselves may be shown in place. What somebody uploaded as it was is only ever saved."""
    if asset.kind != Asset.Kind.FILE:
        return "inline"
    return content_disposition_header(True, asset.name) or "attachment"


def _streamed(request: HttpRequest, linked: LinkedFile, tag: str) -> HttpResponseBase:
    size, content_type = linked.file.size_bytes, linked.file.content_type
    part = _asked_part(request, size, tag)
    if part is not None and not part:
        response: HttpResponseBase = HttpResponse(status=416, content_type=content_type)
        response["Content-Range"] = f"bytes */{size}"
        return response
    try:
        content: IO[bytes] = default_storage.open(linked.file.storage_key)
    except FileNotFoundError:
        log.exception("media.file_missing", asset_id=linked.asset.id, storage_key=linked.file.storage_key)
        raise NotFound from None
    except OSError as error:
        log.exception("media.storage_failed", asset_id=linked.asset.id, storage_key=linked.file.storage_key)
        raise Unavailable from error
    if part is None:
        response = FileResponse(content, content_type=content_type)
    else:
        response = FileResponse(_Part(content, part), status=206, content_type=content_type)
        response["Content-Length"] = str(len(part))
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    # Read in a thread and sent from the event loop, block by block.
    response.block_size = 64 * 1024
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    return response


def _asked_part(request: HttpRequest, size: int, tag: str) -> range | None:
    """The bytes that are asked for (RFC 9110, 14.2); None: all of them, also where several parts are asked for. Empty:
    there are none such."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or request.method == "HEAD" or request.headers.get("If-Range", tag) != tag:
        return None
    first, last = asked.groups()
    if not first:
        # The last so many.
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


class _Part(io.RawIOBase):
    """A part of a file, to be read from its beginning to its end."""

    def __init__(self, file: IO[bytes], part: range) -> None:
        super().__init__()
        self._file, self._left = file, len(part)
        file.seek(part.start)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()
        super().close()
