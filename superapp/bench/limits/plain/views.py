"""The two requests as function views."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from superapp.bench.limits.plain.models import Device, User

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """The view also gets whoever holds the bearer token."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        device = device_of(token) if scheme == "Bearer" else None
        if device is None or not device.user.is_active:
            return refusal("unauthenticated", 401)
        return view(request, device.user, *args, **kwargs)

    return wrapped


def device_of(token: str) -> Device | None:
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != "access" or not parts[1].isdigit():
        return None
    return (
        Device.objects.select_related("user")
        .filter(
            user_id=int(parts[1]),
            access_digest=hashlib.sha256(token.encode()).hexdigest(),
            revoked_at=None,
            access_expires_at__gt=timezone.now(),
        )
        .first()
    )


@require_GET
@signed_in
def me(request: HttpRequest, user: User) -> HttpResponse:
    return answer(
        {
            "id": str(user.id),
            "handle": user.handle,
            "display_name": user.display_name,
            "avatar_id": None if user.avatar_id is None else str(user.avatar_id),
            "phone": user.phone,
            "language": user.language,
            "time_zone": user.time_zone,
            "birth_date": None if user.birth_date is None else user.birth_date.isoformat(),
            "has_password": user.has_usable_password(),
            "terms_version": user.terms_version,
            "current_terms_version": settings.TERMS_VERSION,
            "created_at": rfc3339(user.created_at),
        }
    )


@csrf_exempt
@require_POST
@signed_in
def messages(request: HttpRequest, user: User, conversation_id: int) -> HttpResponse:
    """Send a text message once, under the client's key."""
    try:
        client_id = UUID(request.headers["Idempotency-Key"])
        data = json.loads(request.body)
        kind, text = data["kind"], data["text"]
    except (KeyError, TypeError, ValueError):
        return refusal("invalid_input", 400)
    if kind != "text" or not isinstance(text, str) or not text.strip() or len(text) > 4000:
        return refusal("invalid_input", 400)
    sender_id = user.id
    asked = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()
    stored = earlier(conversation_id, sender_id, client_id)
    if stored is None:
        return refusal("not_found", 404)
    seq, message_no, hashed, created_at = stored
    if seq is None:
        sent = send(conversation_id, sender_id, client_id, asked, text)
        if sent is None:
            return refusal("forbidden", 403)
        seq, message_no, created_at = sent
    elif bytes(hashed) != asked:
        return refusal("idempotency_conflict", 409)
    return answer(
        {
            "conversation_id": str(conversation_id),
            "seq": seq,
            "message_no": message_no,
            "sender_id": str(sender_id),
            "persona": None,
            "client_id": str(client_id),
            "kind": kind,
            "body": {"text": text},
            "ref_seq": None,
            "reactions": [],
            "edited_at": None,
            "recalled_at": None,
            "created_at": rfc3339(created_at),
            "target": None,
        },
        status=201,
    )


def earlier(conversation_id: int, sender_id: int, client_id: UUID) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.seq, m.message_no, m.request_hash, m.created_at
            FROM messaging_membership AS mine
            LEFT JOIN messaging_message AS m
                ON m.conversation_id = mine.conversation_id AND m.sender_id = mine.user_id AND m.client_id = %s
            WHERE mine.conversation_id = %s AND mine.user_id = %s
            """,
            [str(client_id), conversation_id, sender_id],
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@transaction.atomic
def send(
    conversation_id: int, sender_id: int, client_id: UUID, asked: bytes, text: str
) -> tuple[int, int, datetime] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_conversation AS c
            SET last_seq = last_seq + 1, last_message_no = last_message_no + 1, changed_at = clock_timestamp(),
                last_shown_seq = last_seq + 1, last_at = clock_timestamp()
            WHERE id = %(conversation)s AND EXISTS (
                SELECT 1 FROM messaging_membership
                WHERE conversation_id = %(conversation)s AND user_id = %(member)s AND left_seq IS NULL)
            RETURNING last_seq, last_message_no, changed_at
            """,
            {"conversation": conversation_id, "member": sender_id},
        )
        seq, message_no, now = cursor.fetchone()
        cursor.execute(
            """
            SELECT c.kind, c.closed_at, c.is_silenced AND mine.role = 'member', mine.silenced_until,
                blocked.user_id IS NOT NULL, friend.user_id IS NOT NULL
            FROM messaging_membership AS mine
            JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            LEFT JOIN messaging_membership AS peer
                ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
            LEFT JOIN messaging_block AS blocked
                ON blocked.user_id = peer.user_id AND blocked.blocked_id = mine.user_id
            LEFT JOIN messaging_friendship AS friend
                ON friend.user_id = peer.user_id AND friend.friend_id = mine.user_id
            WHERE mine.conversation_id = %s AND mine.user_id = %s AND mine.left_seq IS NULL
            """,
            [conversation_id, sender_id],
        )
        kind, _closed_at, _silenced, _silenced_until, blocked, friends = cursor.fetchone()
        if kind == "direct" and (blocked or not friends):
            transaction.set_rollback(True)
            return None
        cursor.execute(
            """
            INSERT INTO messaging_message
                (conversation_id, seq, message_no, sender_id, client_id, request_hash, kind, body, created_at)
            VALUES (%s, %s, %s, %s, %s, %s, 'text', %s, %s)
            ON CONFLICT (conversation_id, sender_id, client_id) DO NOTHING
            """,
            [conversation_id, seq, message_no, sender_id, str(client_id), asked, json.dumps({"text": text}), now],
        )
        cursor.execute(
            "UPDATE messaging_membership SET read_seq = %s, read_message_no = %s, changed_at = clock_timestamp()"
            " WHERE conversation_id = %s AND user_id = %s",
            [seq, message_no, conversation_id, sender_id],
        )
    return seq, message_no, now


def answer(payload: Any, *, status: int = 200) -> HttpResponse:
    return JsonResponse(payload, status=status, json_dumps_params={"separators": (",", ":"), "ensure_ascii": False})


def refusal(code: str, status: int) -> HttpResponse:
    return answer({"error": {"code": code, "message": "", "details": {}}}, status=status)


def rfc3339(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"


urlpatterns = [
    path("api/v1/me/", me),
    path("api/v1/conversations/<int:conversation_id>/messages/", messages),
]
