"""Links that open something of ours: on paper as a QR code, in a chat, in a browser. An id grants nothing, a link does.

A room registers a kind of link with what it opens; whoever reads the code asks ``scan``. What is no link of ours is
said to be what it is, and never fetched.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

import segno
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from superapp.core import limits
from superapp.core.errors import DomainError, NotFound, Unavailable
from superapp.core.models import Link

# 144 bits: nobody finds one by trying.
_TOKEN_BYTES = 18
_TOKEN = re.compile("[A-Za-z0-9_-]{24}")
# What a browser would read differently from us: \ is / to it, and blanks are nothing.
_TRICKY = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2000-\u200f\u2028-\u202f\u2060-\u206f\u3000\ufeff]")


class LinkEnded(DomainError):
    code, status, message = "link_ended", 410, _("This link was used, or is no longer valid. Please ask for a new one.")


@dataclass(frozen=True)
class ScanResult:
    """What a link opens, for the one who asked: a line for people, and what the app needs to show it."""

    title: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Scanned:
    """``kind`` is a registered one, or ``url`` (somebody else's address) or ``text``."""

    kind: str
    title: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Kind:
    resolve: Callable[[int, str], ScanResult]
    label: str | Promise


_kinds: dict[str, Kind] = {}


def register(kind: str, resolve: Callable[[int, str], ScanResult], *, label: str | Promise) -> None:
    """``resolve(user_id, reference)`` says what the link opens for that person; it may raise ``NotFound``.

    ``label`` is what a browser says of such a link to whoever opens it there, signed in or not: nothing about whom or
    what it leads to.
    """
    assert kind not in {"url", "text"}, "these say what a code is that is not ours"
    _kinds[kind] = Kind(resolve, label)


def issue(*, kind: str, reference: str, expires_in: timedelta | None, uses: int | None = None) -> str:
    """A new link, as a URL. Only who holds it knows it: the database keeps a hash.

    ``expires_in`` None: until it is revoked; ``uses`` None: for everybody, else for so many scans.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    Link.objects.create(
        digest=_digest(token),
        kind=_known(kind),
        reference=reference,
        expires_at=None if expires_in is None else timezone.now() + expires_in,
        uses_left=uses,
    )
    return _url(token)


def standing(*, kind: str, reference: str, expires_at: datetime | None = None) -> str:
    """The one link of ``reference`` that stays the same until it is revoked or expires, as a URL; made when there is
    none. One that expires is made once, under a lock of the caller's.

    Its token is made from a salt in the database and a key outside it, so that neither alone gives it away.
    """
    for _attempt in range(5):
        known = Link.objects.filter(_valid(), kind=kind, reference=reference).exclude(salt="").first()
        if known is None:
            salt = secrets.token_urlsafe(16)
            digest = _digest(_salted(kind, reference, salt))
            # Somebody may be asking for the same one right now: the unique constraint lets one of us win.
            link = Link(digest=digest, kind=_known(kind), reference=reference, salt=salt, expires_at=expires_at)
            Link.objects.bulk_create([link], ignore_conflicts=True)
        elif known.digest == _digest(token := _salted(kind, reference, known.salt)):
            return _url(token)
        else:
            # SECRET_KEY has changed: the old link still works, but nobody can say again what it was.
            Link.objects.filter(digest=known.digest).update(salt="")
    # Somebody ended it each time between our making it and our looking.
    raise Unavailable


def revoke(*, kind: str, reference: str) -> int:
    """End every link to it at once; returns how many there were."""
    return Link.objects.filter(_valid(), kind=kind, reference=reference).update(expires_at=Now())


def kind_of(token: str) -> Kind:
    """What the link is, without using it up. Raises ``NotFound`` or ``LinkEnded``."""
    return _kinds[_find(token).kind]


def scan(*, actor_id: int, content: str) -> Scanned:
    """Say what somebody's camera read, or what they pasted. A link of ours with ``uses`` has one less then.

    Raises ``NotFound`` for a link that we never gave out, ``LinkEnded`` for one that has expired, was used as often as
    it may or was revoked, ``TooManyRequests``.
    """
    limits.take(action="links.scan.user", subject=str(actor_id))
    content = content.strip()
    if (token := token_in(content)) is not None:
        return _open(actor_id, token)
    if (address := _web_address(content)) is not None:
        return Scanned(kind="url", title=address.hostname or "", data={"url": content, "host": address.hostname})
    return Scanned(kind="text", title="", data={"text": content})


def reference_of(*, actor_id: int, content: str, kind: str) -> str:
    """What a link of this kind leads to, for whoever answers to what they scanned; uses nothing up.

    Raises ``NotFound`` for anything else, ``LinkEnded``, ``TooManyRequests``.
    """
    return target_of(actor_id=actor_id, content=content, kinds={kind})[1]


def target_of(*, actor_id: int, content: str, kinds: Collection[str]) -> tuple[str, str]:
    """As ``reference_of``, where several kinds would do: which one it is, and what it leads to."""
    limits.take(action="links.scan.user", subject=str(actor_id))
    token = token_in(content.strip())
    link = _find(token) if token is not None else None
    if link is None or link.kind not in kinds:
        raise NotFound
    return link.kind, link.reference


def token_in(content: str) -> str | None:
    """Of a link of ours; None for anything else."""
    for prefix in (f"{settings.PUBLIC_ORIGIN}/l/", f"{settings.APP_SCHEME}://l/"):
        scheme_and_host, path = content[: len(prefix)].lower(), content[len(prefix) :]
        if scheme_and_host == prefix.lower():
            return path.removesuffix("/")
    return None


def svg(url: str) -> str:
    """The QR code of ``url`` as a picture of any size: SVG without styles or scripts, dark on white."""
    return segno.make(url, error="m", micro=False).svg_inline(
        omitsize=True, light="white", svgclass=None, lineclass=None
    )


@transaction.atomic
def _open(actor_id: int, token: str) -> Scanned:
    link = _find(token)
    if link.uses_left is not None:
        # The condition stands in the statement that counts, so of many at once no more than that many pass.
        used = Link.objects.filter(_valid(), digest=link.digest, uses_left__gt=0).update(
            uses_left=F("uses_left") - 1, expires_at=Case(When(uses_left=1, then=Now()), default=F("expires_at"))
        )
        if not used:
            raise LinkEnded
    # What it led to may be gone: then this raises, and the use is not counted.
    result = _kinds[link.kind].resolve(actor_id, link.reference)
    return Scanned(kind=link.kind, title=result.title, data=result.data)


def _find(token: str) -> Link:
    link = Link.objects.filter(digest=_digest(token)).first() if _TOKEN.fullmatch(token) else None
    # Of a kind that no room knows any more: there is nothing behind it.
    if link is None or link.kind not in _kinds:
        raise NotFound
    if link.expires_at is not None and link.expires_at <= timezone.now():
        raise LinkEnded
    return link


def _valid() -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=Now())


def _known(kind: str) -> str:
    assert kind in _kinds, f"no room has registered links of kind {kind}"
    return kind


def _web_address(content: str) -> SplitResult | None:
    if _TRICKY.search(content):
        return None
    try:
        address = urlsplit(content)
        # Reading the port checks it.
        is_web = address.scheme in {"http", "https"} and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        return None
    return address if is_web else None


def _salted(kind: str, reference: str, salt: str) -> str:
    key = hashlib.sha256(b"superapp.core.links" + settings.SECRET_KEY.encode()).digest()
    made = hmac.new(key, f"{kind}\n{reference}\n{salt}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made[:_TOKEN_BYTES]).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _url(token: str) -> str:
    return f"{settings.PUBLIC_ORIGIN}/l/{token}"
