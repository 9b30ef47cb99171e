"""Reads: who holds a token, and what people show of themselves."""

import functools
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from superapp.accounts.models import Device, HandleDirectory, PhoneDirectory, User
from superapp.core import tokens
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.links import ScanResult


def device_for_access_token(text: str) -> Device | None:
    """The live device, with its person, whose current token this is. One statement."""
    token = tokens.parse("access", text)
    if token is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_token_statement(), [token.owner_id, token.digest, timezone.now()])
        row = cursor.fetchone()
    if row is None:
        return None
    of_device = [field.attname for field in Device._meta.concrete_fields]
    device = Device.from_db(connection.alias, of_device, row[: len(of_device)])
    of_user = [field.attname for field in User._meta.concrete_fields]
    device.user = User.from_db(connection.alias, of_user, row[len(of_device) :])
    return device


@functools.cache
def _token_statement() -> str:
    """Every request asks this. The ORM, whose statement it is, takes longer to write it than Postgres to answer it."""
    living = Device.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    # One by one: of several in one call the ORM chooses the order, and with it that of the parameters.
    question = living.filter(user_id=0).filter(access_digest="").filter(access_expires_at__gt=timezone.now())
    return question.query.sql_with_params()[0]


def access_expiry(*, user_id: int, device_id: int) -> datetime | None:
    """Until when this device may act; None when it is revoked, expired or its person is not active."""
    return (
        Device.objects.filter(
            user_id=user_id,
            id=device_id,
            revoked_at=None,
            access_expires_at__gt=timezone.now(),
            user__is_active=True,
        )
        .values_list("access_expires_at", flat=True)
        .first()
    )


def language_of(user_id: int) -> str:
    return User.objects.filter(id=user_id).values_list("language", flat=True).first() or settings.LANGUAGE_CODE


def is_signed_in(user_id: int, device_id: int) -> bool:
    """Whether what this device was given still counts: neither it was signed out nor its person deactivated."""
    return Device.objects.filter(user_id=user_id, id=device_id, revoked_at=None, user__is_active=True).exists()


def signed_in(devices: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (person, device) ``is_signed_in``. One statement, however many."""
    pairs = list(devices)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.user_id, d.id FROM unnest(%s::bigint[], %s::bigint[]) AS asked(user_id, id)
            JOIN accounts_device d ON d.user_id = asked.user_id AND d.id = asked.id
            JOIN accounts_user u ON u.id = d.user_id
            WHERE d.revoked_at IS NULL AND u.is_active
            """,
            [[user_id for user_id, _device_id in pairs], [device_id for _user_id, device_id in pairs]],
        )
        return set(cursor.fetchall())


def devices_of(user_id: int) -> QuerySet[Device]:
    """Those that are signed in: whose newest refresh token works, give or take the access that it was
    given with: a device is seen when it refreshes, and while its socket is open."""
    now = timezone.now()
    return Device.objects.filter(
        user_id=user_id,
        revoked_at=None,
        last_seen_at__gt=now - settings.REFRESH_TOKEN_LIFETIME,
        created_at__gt=now - settings.DEVICE_SESSION_LIFETIME,
    )


def device_frame(*, user_id: int, device_id: int) -> dict[str, str] | None:
    """A device as REST shows it, but for what depends on who looks; None when it has been forgotten."""
    device = Device.objects.filter(user_id=user_id, id=device_id).first()
    if device is None:
        return None
    return {
        "id": str(device.id),
        "name": device.name,
        "platform": device.platform,
        "created_at": rfc3339(device.created_at),
        "last_seen_at": rfc3339(device.last_seen_at),
    }


def active_user(user_id: int) -> User:
    """Raises ``NotFound``."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise NotFound
    return user


def user_by_handle(handle: str) -> User:
    """The active person whose handle this is now. Raises ``NotFound``."""
    entry = HandleDirectory.objects.filter(handle=handle.lower()).first()
    if entry is None:
        raise NotFound
    user = active_user(entry.user_id)
    if user.handle != entry.handle:
        raise NotFound
    return user


def user_ids_named(text: str) -> list[int]:
    """Whose handle, number or former handle this is, exactly."""
    name = text.strip().lower()
    if name.startswith("+"):
        return list(PhoneDirectory.objects.filter(phone=name).values_list("user_id", flat=True))
    return list(HandleDirectory.objects.filter(handle=name.removeprefix("@")).values_list("user_id", flat=True))


def users(user_ids: Iterable[int]) -> dict[int, User]:
    """People by id; those that do not exist are left out."""
    return User.objects.in_bulk(list(set(user_ids)))


def person_behind_card(viewer_id: int, reference: str) -> ScanResult:
    """Whose QR card this is. Raises ``NotFound`` for somebody who is not active."""
    user = active_user(int(reference))
    return ScanResult(title=user.display_name, data=profile_frame(user))


def profile_frame(user: User) -> dict[str, str | None]:
    """What everybody may see of a person, as REST shows it."""
    return {
        "id": str(user.id),
        "handle": user.handle,
        "display_name": user.display_name,
        "avatar_id": None if user.avatar_id is None else str(user.avatar_id),
    }
