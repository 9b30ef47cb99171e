"""Notices as their reader sees them: a thread of what products told them, beside their conversations."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext

from messaging import cards, registry
from messaging.models import Notice, NoticeMute
from superapp.core.api.fields import rfc3339

log = structlog.get_logger(__name__)
Json = dict[str, Any]
#: Nobody counts further: clients show 99+.
MOST_UNREAD = 100
_UNREAD = f"""(SELECT count(*) FROM (
    SELECT 1 FROM messaging_notice AS mine
    WHERE mine.user_id = %s AND mine.read_at IS NULL AND mine.deleted_at IS NULL AND NOT mine.is_silent
    LIMIT {MOST_UNREAD}) AS counted)"""  # noqa: S608  (a number of our own)


def notices_of(user_id: int) -> QuerySet[Notice]:
    """Page by ``-id``."""
    return Notice.objects.filter(user_id=user_id, deleted_at=None)


def unread(user_id: int) -> int:
    """How many count, up to ``MOST_UNREAD``. One statement."""
    counted = notices_of(user_id).filter(read_at=None, is_silent=False)
    return len(counted.values_list("id")[:MOST_UNREAD])


def frames(rows: Sequence[Notice], *, reader_id: int) -> list[Json]:
    """In the language that is active. One statement where there are cards, and what their products ask."""
    keys = [(row.card_kind, row.card_reference) for row in rows if row.card_kind]
    shown, live = cards.shown(keys), cards.ask_live(keys, viewer_id=reader_id)
    return [
        {
            "id": str(row.id),
            "kind": row.kind,
            "text": _text(row),
            "params": row.params,
            "card": shown.get((row.card_kind, row.card_reference)),
            "live": live.get((row.card_kind, row.card_reference)),
            "is_read": row.read_at is not None,
            "is_silent": row.is_silent,
            "created_at": rfc3339(row.created_at),
        }
        for row in rows
    ]


def _text(row: Notice) -> str:
    kind = registry.notices.get(row.kind)
    try:
        if kind is not None:
            return str(kind.text(row.params))
    except DatabaseError:
        raise
    except Exception:
        # One that its app no longer understands must not keep its reader from the others.
        log.exception("notice.text_failed", kind=row.kind)
    return gettext("There is news that cannot be shown any more.")


def summary(user_id: int) -> Json:
    """How many are unread, and the newest. One statement, which every ``/sync/`` asks, and one for its card."""
    counted = RawSQL(_UNREAD, [user_id])  # noqa: S611  (our own words, and a parameter)
    newest = list(notices_of(user_id).annotate(unread=counted).order_by("-id")[:1])
    if not newest:
        return {"unread": 0, "last": None}
    return {"unread": newest[0].unread, "last": frames(newest, reader_id=user_id)[0]}


def preview(user_id: int) -> Json | None:
    """The newest, for the list of conversations."""
    newest = notices_of(user_id).order_by("-id").first()
    return {"text": _text(newest), "at": rfc3339(newest.created_at)} if newest else None


def kinds_for(user_id: int) -> list[Json]:
    """What somebody may mute, and whether they have."""
    muted = set(NoticeMute.objects.filter(user_id=user_id).values_list("kind", flat=True))
    return [
        {"kind": kind.kind, "label": str(kind.label), "is_muted": kind.kind in muted}
        for kind in registry.notices.mutable()
    ]
