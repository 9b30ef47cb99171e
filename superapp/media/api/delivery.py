"""The files themselves, at ``/media/…`` beside the API: image loaders send no Authorization header."""

import structlog
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest

from superapp.core.errors import MethodNotAllowed, NotFound
from superapp.media import selectors
from superapp.media.links import Claim

log = structlog.get_logger(__name__)


def deliver(request: HttpRequest, asset_id: int, name: str) -> FileResponse:
    """Stream the file behind a signed link to whoever shows it, as long as its viewer may see it."""
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed
    claim = Claim(**{part: request.GET.get(part, "") for part in ("viewer", "expires", "signature")})
    file, left = selectors.linked_file(asset_id=asset_id, name=name, claim=claim)
    try:
        content = default_storage.open(file.storage_key)
    except FileNotFoundError:
        log.exception("media.file_missing", asset_id=asset_id, storage_key=file.storage_key)
        raise NotFound from None
    response = FileResponse(content, content_type=file.content_type)
    # Read in a thread and sent from the event loop, block by block.
    response.block_size = 64 * 1024
    response["Content-Disposition"] = "inline"
    response["Cache-Control"] = f"private, max-age={int(left.total_seconds())}"
    # Whatever a browser may take the bytes for, it runs nothing from here.
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
