"""Reporting people and messages: what staff will see is taken here, and nothing that the reporter cannot see."""

from typing import Any

from messaging import access
from messaging.errors import ThatIsYou
from messaging.models import NOBODY, HiddenMessage, Membership, Message
from superapp.accounts import selectors as accounts
from superapp.accounts import services as people
from superapp.accounts.models import User
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.safety import services as safety

#: On each side of the reported message.
AROUND = 5


def report_person(*, reporter_id: int, user_id: int, reason: str, comment: str = "") -> int:
    """Returns the report's id; repeating it returns the open one. Raises ``ThatIsYou``, ``NotFound``,
    ``TooManyRequests``."""
    if reporter_id == user_id:
        raise ThatIsYou
    profile = accounts.profile_frame(_person(reporter_id, user_id))
    return safety.report(
        reporter_id=reporter_id,
        subject=("user", str(user_id)),
        reason=reason,
        snapshot={"comment": comment, "profile": profile},
    )


def report_message(*, reporter_id: int, conversation_id: int, seq: int, reason: str, comment: str = "") -> int:
    """With the message and at most ``AROUND`` on each side of it that the reporter can read, as they are now.

    Returns the report's id; repeating it returns the open one. Raises ``ThatIsYou`` (their own message), ``NotFound``
    (not theirs to read, recalled, or nothing that somebody said), ``TooManyRequests``.
    """
    window = access.window(conversation_id=conversation_id, user_id=reporter_id)
    rows = Message.objects.filter(
        conversation_id=conversation_id, seq__gte=window.first_seq, seq__lte=window.last_seq, ref_seq=None
    ).exclude(seq__in=HiddenMessage.objects.filter(conversation_id=conversation_id, user_id=reporter_id).values("seq"))
    reported = rows.filter(seq=seq, recalled_at=None).first()
    if reported is None or reported.sender_id == NOBODY:
        raise NotFound
    if reported.sender_id == reporter_id:
        raise ThatIsYou
    before = list(rows.filter(seq__lt=seq).order_by("-seq")[:AROUND])
    after = list(rows.filter(seq__gt=seq).order_by("seq")[:AROUND])
    return safety.report(
        reporter_id=reporter_id,
        subject=("message", f"{conversation_id}:{seq}"),
        reason=reason,
        snapshot={
            "comment": comment,
            "seq": seq,
            "messages": [_shown(row) for row in (*before[::-1], reported, *after)],
        },
    )


def author_of(subject_id: str) -> int | None:
    """Who wrote the reported message; also whom the others know as a persona only."""
    conversation_id, seq = map(int, subject_id.split(":"))
    message = Message.objects.filter(conversation_id=conversation_id, seq=seq).first()
    return None if message is None or message.sender_id == NOBODY else message.sender_id


def ban_author(subject_id: str) -> None:
    """Shut out whoever wrote the reported message. Raises what ``ban_user`` does."""
    author_id = author_of(subject_id)
    if author_id is None:
        raise NotFound
    people.ban_user(user_id=author_id)


def _person(reporter_id: int, user_id: int) -> User:
    """Whoever blocks their victim can still be reported by them, where the two share a conversation."""
    try:
        return accounts.visible_user(user_id, viewer_id=reporter_id)
    except NotFound:
        mine = Membership.objects.filter(user_id=reporter_id).values("conversation_id")
        # Not where they are a persona: it would tell who that is.
        if not Membership.objects.filter(user_id=user_id, persona="", conversation_id__in=mine).exists():
            raise
        return accounts.active_user(user_id)


def _shown(row: Message) -> dict[str, Any]:
    """Names come from the people themselves, when somebody looks: whoever leaves takes theirs along."""
    return {
        "seq": row.seq,
        "sender_id": None if row.shown_sender_id is None else str(row.shown_sender_id),
        "persona": row.persona,
        "kind": row.kind,
        "body": row.body,
        "created_at": rfc3339(row.created_at),
    }
