"""The request that this thread is answering, as far as anybody below the views may know it: id, address, language."""

from collections.abc import Mapping
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import structlog
from django.conf import settings
from django.utils import translation

# Its headers and not yet its address, which few requests ask for.
_meta: ContextVar[Mapping[str, Any] | None] = ContextVar("request_meta", default=None)


def begin(meta: Mapping[str, Any]) -> None:
    _meta.set(meta)


def end() -> None:
    _meta.set(None)


def current_id() -> str:
    """Of the request, or of the task it left behind; empty elsewhere."""
    context = structlog.contextvars.get_contextvars()
    return str(context.get("request_id") or context.get("task_id") or "")


def current_address() -> str:
    """The client's address, as ``client_address`` reads it; empty outside requests."""
    meta = _meta.get()
    return "" if meta is None else client_address(meta)


def speak_to(person: Any) -> None:
    """From here on in the person's own language, as long as this request lasts (``LanguageChoice`` ends it)."""
    if language := getattr(person, "language", None):
        translation.activate(language)


def client_address(meta: Mapping[str, Any]) -> str:
    """The client's address as limits count it; "unknown" when it is none.

    Of IPv6 the network (/64): one line has as many addresses in it as anybody could want.
    """
    address = peer(meta)
    if address is None:
        return "unknown"
    return str(address if isinstance(address, IPv4Address) else ip_network((address.packed, 64), strict=False))


def peer(meta: Mapping[str, Any]) -> IPv4Address | IPv6Address | None:
    """The peer's address, or what the one trusted proxy says it is; other forwarding headers mean nothing."""
    text = str(meta.get("REMOTE_ADDR", ""))
    if settings.CLIENT_ADDRESS_HEADER:
        key = "HTTP_" + settings.CLIENT_ADDRESS_HEADER.upper().replace("-", "_")
        # A proxy that appends to the header leaves in front whatever the client wrote there itself.
        text = str(meta.get(key, "")).rpartition(",")[2]
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) else address.ipv4_mapped or address
