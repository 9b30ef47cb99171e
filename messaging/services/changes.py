"""What is done to a message after it was sent. Each change is a row of the log that is about the message.

All of them hold the conversation first and look then, so that any two have one order; what is as wanted already is left
alone. Who does not belong to the conversation locks nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from messaging import access, contents, log, mentions, quotes
from messaging.emoji import is_emoji
from messaging.errors import EditExpired, NotForThis, Recalled, RecallExpired, TooManyReactions
from messaging.models import SAID, ChatRecord, Message, MessageVersion, Reaction
from superapp.core import limits
from superapp.core.errors import Forbidden, InvalidInput
from superapp.media import services as media

MOST_REACTIONS = 20
EDIT_WITHIN = timedelta(minutes=15)
RECALL_WITHIN = timedelta(minutes=2)


def react(*, actor_id: int, conversation_id: int, seq: int, emoji: str, is_added: bool) -> Message:
    """Add the actor's ``emoji`` to a message or take it away; returns the message as it is then. Repeatable.

    Raises ``NotFound``, ``InvalidInput`` for what is no emoji, ``Recalled``, ``NotForThis``, ``TooManyReactions``, what
    sending raises where one may not speak, ``TooManyRequests``.
    """
    if not is_emoji(emoji):
        raise InvalidInput(fields={"emoji": [_("One emoji.")]})
    _take_limit(actor_id)
    return _react(actor_id, conversation_id, seq, emoji, is_added)


def edit_message(
    *,
    actor_id: int,
    conversation_id: int,
    seq: int,
    text: str,
    mention_ids: Sequence[int] = (),
    mentions_all: bool = False,
) -> Message:
    """Say an own text otherwise, within 15 minutes; returns it as it is then. Whom it calls is who is named now; what
    it said before is kept for whoever may read it. Repeatable.

    Raises ``NotFound``, ``Forbidden`` for somebody else's, ``NotForThis``, ``Recalled``, ``EditExpired``, and what
    sending such a text would.
    """
    contents.check_text(text)
    _take_limit(actor_id)
    return _edit(actor_id, conversation_id, seq, text, list(dict.fromkeys(mention_ids)), mentions_all)


def recall_message(*, actor_id: int, conversation_id: int, seq: int) -> Message:
    """Take a message back for everybody: its author within two minutes by the database's clock, a group's owner at any
    time, an administrator at any time what ordinary members wrote and what they wrote themselves. Repeatable.

    What it said goes with all that hangs on it: files, reactions, earlier versions, previews in answers. Raises
    ``NotFound``, ``Forbidden``, ``NotForThis``, ``RecallExpired``, ``TooManyRequests``.
    """
    _take_limit(actor_id)
    return _recall(actor_id, conversation_id, seq)


def _take_limit(actor_id: int) -> None:
    limits.take(action="messaging.change.user", subject=str(actor_id))


def _held(actor_id: int, conversation_id: int, seq: int) -> Message:
    """The message as it is and stays until the transaction ends, for a member who may read it."""
    access.membership(conversation_id=conversation_id, user_id=actor_id)
    log.lock(conversation_id)
    # Again, under the lock: they may have been removed meanwhile, which is a row as well.
    access.membership(conversation_id=conversation_id, user_id=actor_id)
    return access.message(conversation_id=conversation_id, user_id=actor_id, seq=seq)


def _rows(message: Message) -> Any:
    return Message.objects.filter(conversation_id=message.conversation_id, seq=message.seq)


# --- reactions --------------------------------------------------------------------------------------------------------


@transaction.atomic
def _react(actor_id: int, conversation_id: int, seq: int, emoji: str, is_added: bool) -> Message:
    message = _held(actor_id, conversation_id, seq)
    access.check_may_speak(conversation_id=conversation_id, user_id=actor_id)
    if message.recalled_at is not None:
        raise Recalled
    if message.kind not in SAID:
        raise NotForThis(kind=message.kind)
    if not _change_reaction(message, actor_id, emoji, is_added):
        return message
    count = message.reactions.pop(emoji, 0) + (1 if is_added else -1)
    if count:
        message.reactions[emoji] = count
    if len(message.reactions) > MOST_REACTIONS:
        raise TooManyReactions(most=MOST_REACTIONS)
    _rows(message).update(reactions=message.reactions)
    _add(message, actor_id, Message.Kind.REACTED, {"emoji": emoji, "is_added": is_added})
    return message


def _change_reaction(message: Message, user_id: int, emoji: str, is_added: bool) -> bool:
    """Whether that was new: the rows are the truth, and the message's column their sum."""
    values: list[Any] = [message.conversation_id, message.seq, user_id, emoji]
    with connection.cursor() as cursor:
        if is_added:
            cursor.execute(
                "INSERT INTO messaging_reaction (conversation_id, seq, user_id, emoji) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                values,
            )
        else:
            cursor.execute(
                "DELETE FROM messaging_reaction"
                " WHERE conversation_id = %s AND seq = %s AND user_id = %s AND emoji = %s",
                values,
            )
        return cursor.rowcount > 0


def _add(message: Message, actor_id: int, kind: str, body: dict[str, Any] | None = None) -> None:
    log.add(
        conversation_id=message.conversation_id,
        actor_id=actor_id,
        kind=kind,
        body=body or {},
        about=message.seq,
    )


# --- edits ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _edit(
    actor_id: int, conversation_id: int, seq: int, text: str, mention_ids: list[int], mentions_all: bool
) -> Message:
    message = _held(actor_id, conversation_id, seq)
    if message.sender_id != actor_id:
        raise Forbidden
    if message.kind != Message.Kind.TEXT:
        raise NotForThis(kind=message.kind)
    if message.recalled_at is not None:
        raise Recalled
    access.check_may_speak(conversation_id=conversation_id, user_id=actor_id)
    given = {"text": text, "mention_ids": mention_ids, "mentions_all": mentions_all}
    if _says(message.body, given):
        return message
    if _is_older(message, EDIT_WITHIN):
        raise EditExpired(within_seconds=int(EDIT_WITHIN.total_seconds()))
    was = message.body
    message.body = contents.text_body(given, sender_id=actor_id, conversation_id=conversation_id, seq=seq)
    if "quote" in was:
        message.body["quote"] = was["quote"]
    mentions.call_off(was, but=message.body, conversation_id=conversation_id, seq=seq)
    _keep_version(message, was)
    message.edited_at = log.now()
    _rows(message).update(body=message.body, edited_at=message.edited_at)
    _add(message, actor_id, Message.Kind.EDITED)
    return message


def _says(body: dict[str, Any], given: dict[str, Any]) -> bool:
    return (body["text"], set(map(int, body.get("mention_ids", ()))), body.get("mentions_all", False)) == (
        given["text"],
        set(given["mention_ids"]),
        given["mentions_all"],
    )


def _keep_version(message: Message, body: dict[str, Any]) -> None:
    earlier = MessageVersion.objects.filter(conversation_id=message.conversation_id, seq=message.seq).count()
    MessageVersion.objects.create(
        conversation_id=message.conversation_id,
        seq=message.seq,
        version=earlier + 1,
        body=body,
        written_at=message.edited_at or message.created_at,
    )


def _is_older(message: Message, span: timedelta) -> bool:
    """By the clock that stamped it; what a phone believes does not count."""
    return log.now() - message.created_at > span


# --- recalls ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def _recall(actor_id: int, conversation_id: int, seq: int) -> Message:
    message = _held(actor_id, conversation_id, seq)
    if message.recalled_at is not None:
        return message
    # A card is a thing as well as a message: only its product takes that back.
    if message.kind not in SAID or message.kind == Message.Kind.CARD:
        raise NotForThis(kind=message.kind)
    _check_may_recall(actor_id, message)
    was, message.body, message.reactions = message.body, {}, {}
    message.recalled_at = log.now()
    _rows(message).update(body={}, reactions={}, recalled_at=message.recalled_at)
    place = {"conversation_id": conversation_id, "seq": seq}
    Reaction.objects.filter(**place).delete()
    MessageVersion.objects.filter(**place).delete()
    ChatRecord.objects.filter(**place).delete()
    media.detach(purpose=contents.PURPOSE, reference=contents.reference(conversation_id, seq))
    quotes.blank(**place)
    mentions.call_off(was, conversation_id=conversation_id, seq=seq)
    _add(message, actor_id, Message.Kind.RECALLED)
    return message


def _check_may_recall(actor_id: int, message: Message) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.kind = 'group' AND (mine.role = 'owner' OR mine.role = 'admin' AND (
                mine.user_id = %(author)s OR COALESCE(author.role, 'member') = 'member'))
            FROM messaging_membership AS mine JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            LEFT JOIN messaging_membership AS author
                ON author.conversation_id = c.id AND author.user_id = %(author)s AND author.left_seq IS NULL
            WHERE mine.conversation_id = %(conversation)s AND mine.user_id = %(actor)s AND mine.left_seq IS NULL
            """,
            {"conversation": message.conversation_id, "actor": actor_id, "author": message.sender_id},
        )
        (moderates,) = cursor.fetchone()
    if moderates:
        return
    if message.sender_id != actor_id:
        raise Forbidden
    if _is_older(message, RECALL_WITHIN):
        raise RecallExpired(within_seconds=int(RECALL_WITHIN.total_seconds()))
