"""Telling people what happened, and what they do with what they were told."""

import json
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from messaging import cards, registry
from messaging.cards import Card
from messaging.events import NoticeCreated, NoticesChanged
from messaging.models import Notice, NoticeMute
from superapp.core import retention
from superapp.core.errors import NotFound
from superapp.core.events import publish
from superapp.core.ids import new_id

Json = dict[str, Any]
KEPT_FOR = timedelta(days=365)


@transaction.atomic
def notify(*, user_id: int, kind: str, params: Json, dedupe_key: str, card: Card | None = None) -> None:
    """Tell somebody something: a row of their notices, and a push to their devices after the commit.

    It joins the caller's transaction and locks nothing that others wait for. Repeating a ``dedupe_key`` (at most 120
    characters, of whatever kind) tells nothing, also where the person has deleted it. ``params`` are what the kind's
    text needs, no words: those are made in the reader's language whenever it is read. A ``card`` shows its newest
    version there, as ``update_card`` brings it.
    """
    assert registry.notices.get(kind), f"no app registered the notice {kind}"
    assert 0 < len(dedupe_key) <= 120, "a key has 1 to 120 characters"
    if card is not None:
        cards.newest(card)
    notice_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_notice (user_id, id, kind, params, dedupe_key, card_kind, card_reference, is_silent)
            SELECT %(user)s, %(id)s, %(kind)s, %(params)s, %(key)s, %(card_kind)s, %(card_reference)s, EXISTS (
                SELECT 1 FROM messaging_notice_mute WHERE user_id = %(user)s AND kind = %(kind)s)
            ON CONFLICT (user_id, dedupe_key) DO NOTHING RETURNING 1
            """,
            {
                "user": user_id,
                "id": notice_id,
                "kind": kind,
                "params": json.dumps(params),
                "key": dedupe_key,
                "card_kind": card.kind if card else "",
                "card_reference": card.reference if card else "",
            },
        )
        is_new = cursor.fetchone() is not None
    if is_new:
        publish(NoticeCreated(user_id=user_id, notice_id=notice_id))


@transaction.atomic
def mark_notices_read(*, actor_id: int, up_to: int) -> None:
    """Those up to ``up_to``, the newest that was on the screen. Repeatable; one that comes late stays unread."""
    rows = Notice.objects.filter(user_id=actor_id, id__lte=up_to, read_at=None, deleted_at=None)
    if rows.update(read_at=timezone.now()):
        publish(NoticesChanged(user_id=actor_id))


@transaction.atomic
def delete_notice(*, actor_id: int, notice_id: int) -> None:
    """Repeatable. Raises ``NotFound`` for what was never theirs."""
    mine = Notice.objects.filter(user_id=actor_id, id=notice_id)
    if mine.filter(deleted_at=None).update(deleted_at=timezone.now(), params={}, card_kind="", card_reference=""):
        publish(NoticesChanged(user_id=actor_id))
    elif not mine.exists():
        raise NotFound


@transaction.atomic
def mute_notices(*, actor_id: int, kind: str) -> None:
    """No number for this kind: those that come, and those that are there. Repeatable. Raises ``NotFound`` for a kind
    that is none or must not be missed."""
    _check_mutable(kind)
    NoticeMute.objects.bulk_create([NoticeMute(user_id=actor_id, kind=kind)], ignore_conflicts=True)
    if Notice.objects.filter(user_id=actor_id, kind=kind, read_at=None, deleted_at=None, is_silent=False).update(
        is_silent=True
    ):
        publish(NoticesChanged(user_id=actor_id))


def unmute_notices(*, actor_id: int, kind: str) -> None:
    """Those that come count again. Repeatable. Raises ``NotFound``, as ``mute_notices`` does."""
    _check_mutable(kind)
    NoticeMute.objects.filter(user_id=actor_id, kind=kind).delete()


def _check_mutable(kind: str) -> None:
    known = registry.notices.get(kind)
    if known is None or not known.mutable:
        raise NotFound


def forget_old_notices() -> None:
    """Delete those of more than a year ago. Nobody may repeat their keys then."""
    retention.delete_in_batches(Notice, Q(created_at__lt=timezone.now() - KEPT_FOR))
