"""Reads: what somebody may see of contacts, conversations and messages."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from messaging import access, cards, log, personas
from messaging.badge import badge as badge
from messaging.frames import message_frame
from messaging.models import (
    Block,
    Conversation,
    FriendRequest,
    Friendship,
    FriendTag,
    HiddenMessage,
    Membership,
    Message,
    MessageVersion,
    Preferences,
    Reaction,
    TaggedFriend,
)
from messaging.notices import summary as notices_summary
from superapp.accounts import selectors as accounts
from superapp.core.api.fields import rfc3339
from superapp.core.errors import NotFound
from superapp.core.ids import MAX_ID
from superapp.realtime import selectors as realtime

Json = dict[str, Any]
SYNC_PAGE = 100

# --- conversations ----------------------------------------------------------------------------------------------------


def is_member(user_id: int, reference: str) -> bool:
    """``reference`` is a conversation's id as text, from a topic; any other text is nobody's conversation."""
    if not (reference.isascii() and reference.isdigit()) or len(reference) > 19 or int(reference) > MAX_ID:
        return False
    if reference != str(int(reference)):
        # 007 would be a topic of its own, to which nothing is ever pushed.
        return False
    return access.is_here(conversation_id=int(reference), user_id=user_id)


def members_among(conversation_id: int, user_ids: Iterable[int]) -> set[int]:
    """Who of these people belongs to it now. One statement."""
    here = Membership.objects.filter(conversation_id=conversation_id, user_id__in=list(user_ids), left_seq=None)
    return set(here.values_list("user_id", flat=True))


def conversation_of(*, actor_id: int, conversation_id: int) -> Conversation:
    """Where somebody belongs now. One statement. Raises ``NotFound``."""
    mine = Membership.objects.filter(conversation_id=OuterRef("id"), user_id=actor_id, left_seq=None)
    found = Conversation.objects.filter(Exists(mine), id=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def within_reach(user_id: int, offers: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of what people offer in conversations, as pairs of a conversation and who offers it there: what is offered to
    ``user_id``, who belongs there now and is not blocked by that one. One statement."""
    pairs = sorted(set(offers))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT offer.conversation_id, offer.host_id
            FROM unnest(%(conversations)s::bigint[], %(hosts)s::bigint[]) AS offer (conversation_id, host_id)
            JOIN messaging_membership AS mine ON mine.conversation_id = offer.conversation_id
                AND mine.user_id = %(user)s AND mine.left_seq IS NULL
            WHERE NOT EXISTS (
                SELECT 1 FROM messaging_block WHERE user_id = offer.host_id AND blocked_id = %(user)s)
            """,
            {
                "conversations": [conversation_id for conversation_id, _host in pairs],
                "hosts": [host_id for _conversation, host_id in pairs],
                "user": user_id,
            },
        )
        return set(cursor.fetchall())


def places_of(user_ids: Sequence[int]) -> list[tuple[int, str]]:
    """Who of them belongs to which conversation. One statement."""
    places = Membership.objects.filter(user_id__in=user_ids, left_seq=None)
    return [(user_id, str(found)) for user_id, found in places.values_list("user_id", "conversation_id")]


def conversation_frame(*, actor_id: int, conversation_id: int) -> Json:
    """One conversation as its member sees it. Raises ``NotFound``."""
    frames = conversation_frames(actor_id=actor_id, conversation_ids=[conversation_id])
    if not frames:
        raise NotFound
    return frames[0]


_FRAMES = f"""
    SELECT c.id, c.kind, CASE WHEN mine.left_seq IS NULL THEN c.title ELSE mine.left_title END,
        c.member_count, c.last_seq,
        CASE WHEN mine.left_seq IS NULL THEN c.last_at ELSE (
            SELECT created_at FROM messaging_message WHERE conversation_id = c.id AND seq = mine.left_seq) END,
        c.closed_at, c.closes_at, c.notice,
        (SELECT user_id FROM messaging_membership
            WHERE conversation_id = c.id AND role = 'owner' AND left_seq IS NULL),
        c.is_silenced, c.members_may_add, c.members_may_mention_all, c.joins_need_approval, c.newcomers_see_history,
        mine.role, mine.read_seq,
        GREATEST(COALESCE(mine.left_message_no, c.last_message_no) - mine.read_message_no, 0),
        mine.is_marked_unread, GREATEST(mine.joined_seq, mine.cleared_seq + 1), mine.left_seq,
        (SELECT max(seq) FROM (VALUES (mine.mention_seq), (c.mention_all_seq)) AS mention (seq)
            WHERE seq > mine.read_seq AND seq >= mine.joined_seq AND (mine.left_seq IS NULL OR seq <= mine.left_seq)
                AND NOT EXISTS (
                    SELECT 1 FROM messaging_hidden_message AS hidden
                    WHERE hidden.conversation_id = c.id AND hidden.user_id = mine.user_id
                        AND hidden.seq = mention.seq)),
        mine.alias, mine.silenced_until, mine.is_muted, mine.pinned_at,
        COALESCE(mine.hidden_message_no >= COALESCE(mine.left_message_no, c.last_message_no), false),
        peer.user_id,
        CASE WHEN my_choice.shares_read_marks AND peer_choice.shares_read_marks AND are_close.user_id IS NOT NULL
            THEN peer.read_seq END,
        mine.persona, c.purpose, c.reference,
        last.*
    FROM messaging_membership AS mine
    JOIN messaging_conversation AS c ON c.id = mine.conversation_id
    LEFT JOIN messaging_membership AS peer
        ON c.kind = 'direct' AND peer.conversation_id = c.id AND peer.user_id <> mine.user_id
    LEFT JOIN messaging_preferences AS my_choice ON my_choice.user_id = mine.user_id
    LEFT JOIN messaging_preferences AS peer_choice ON peer_choice.user_id = peer.user_id
    LEFT JOIN messaging_friendship AS are_close
        ON are_close.user_id = mine.user_id AND are_close.friend_id = peer.user_id AND NOT EXISTS (
            SELECT 1 FROM messaging_block AS b
            WHERE (b.user_id, b.blocked_id) IN ((mine.user_id, peer.user_id), (peer.user_id, mine.user_id)))
    LEFT JOIN LATERAL (
        SELECT {log.COLUMNS} FROM messaging_message
        WHERE conversation_id = c.id AND seq <= COALESCE(mine.left_seq, c.last_shown_seq)
            AND seq >= mine.joined_seq AND seq > mine.cleared_seq AND ref_seq IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM messaging_hidden_message AS hidden
                WHERE hidden.conversation_id = c.id AND hidden.user_id = mine.user_id
                    AND hidden.seq = messaging_message.seq)
        ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    WHERE mine.user_id = %s AND mine.conversation_id = ANY(%s)
"""  # noqa: S608  (our own names of columns)
_PEER = 27
_LAST = 32


def conversation_frames(*, actor_id: int, conversation_ids: Sequence[int]) -> list[Json]:
    """Conversations as their member sees them, in the order asked for; others' are left out. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_FRAMES, [actor_id, list(conversation_ids)])
        rows = {row[0]: row for row in cursor.fetchall()}
    people = accounts.users(row[_PEER] for row in rows.values() if row[_PEER])
    last = {found: log.row(row[_LAST:]) for found, row in rows.items() if row[_LAST] is not None}
    personas.show(last.values())
    return [_conversation_frame(rows[found], last.get(found), people) for found in conversation_ids if found in rows]


def _conversation_frame(row: tuple[Any, ...], last: Message | None, people: dict[int, Any]) -> Json:
    (conversation_id, kind, title, member_count, last_seq, last_at, closed_at, closes_at, notice) = row[:9]
    (owner_id, is_silenced, may_add, may_mention_all, joins_need_approval, newcomers_see_history) = row[9:15]
    (role, read_seq, unread, is_marked_unread, first_seq, left_seq, mention_seq) = row[15:22]
    (alias, silenced_until, is_muted, pinned_at, is_hidden, peer_id, peer_read_seq) = row[22:29]
    (persona, purpose, reference) = row[29:_LAST]
    # Whoever has left learns nothing of what came after.
    is_here = left_seq is None
    peer = people.get(peer_id)
    return {
        "id": str(conversation_id),
        "kind": kind,
        "title": title,
        "notice": notice if is_here else "",
        "purpose": purpose,
        "reference": reference,
        "member_count": member_count if is_here else 0,
        "owner_id": str(owner_id) if owner_id is not None and is_here else None,
        "settings": {
            "is_silenced": is_silenced,
            "members_may_add": may_add,
            "members_may_mention_all": may_mention_all,
            "joins_need_approval": joins_need_approval,
            "newcomers_see_history": newcomers_see_history,
        }
        if kind == Conversation.Kind.GROUP and is_here
        else None,
        "last_seq": last_seq if is_here else left_seq,
        "last_at": rfc3339(last_at),
        "last_message": message_frame(last) if last else None,
        "closed_at": _time(closed_at) if is_here else None,
        "closes_at": _time(closes_at),
        "mine": {
            "role": role,
            "first_seq": first_seq,
            "left_seq": left_seq,
            "read_seq": read_seq,
            "unread": unread,
            "is_marked_unread": is_marked_unread,
            "mention_seq": mention_seq,
            "alias": alias,
            "silenced_until": _time(silenced_until),
            "is_muted": is_muted,
            "is_pinned": pinned_at is not None,
            "is_hidden": is_hidden,
            "peer": accounts.profile_frame(peer) if peer else None,
            "peer_read_seq": peer_read_seq,
            "persona": persona or None,
        },
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def members_of(*, actor_id: int, conversation_id: int) -> QuerySet[Membership]:
    """Who is there now; page by ``joined_at, user_id``. Raises ``NotFound`` for whoever is not.

    Without those whom the others know as a persona: see ``personas_in``. A page's cursor would name them.
    """
    access.membership(conversation_id=conversation_id, user_id=actor_id)
    return Membership.objects.filter(conversation_id=conversation_id, left_seq=None, persona="")


def personas_in(conversation_id: int) -> list[Membership]:
    """Members who are personas to the others, for one who may see them; few by their nature."""
    masked = Membership.objects.filter(conversation_id=conversation_id, left_seq=None).exclude(persona="")
    found = list(masked.order_by("persona"))
    personas.show(found)
    for membership in found:
        membership.user = None  # type: ignore[attr-defined]
    return found


def peer_who_may_see_read_marks(*, conversation_id: int, user_id: int) -> int | None:
    """The other one of a conversation of two, where both share their read marks, are friends and neither has blocked
    the other. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT peer.user_id FROM messaging_conversation AS c
            JOIN messaging_membership AS peer ON peer.conversation_id = c.id AND peer.user_id <> %(me)s
            JOIN messaging_preferences AS mine ON mine.user_id = %(me)s AND mine.shares_read_marks
            JOIN messaging_preferences AS theirs ON theirs.user_id = peer.user_id AND theirs.shares_read_marks
            JOIN messaging_friendship AS friend ON friend.user_id = %(me)s AND friend.friend_id = peer.user_id
            WHERE c.id = %(conversation)s AND c.kind = 'direct' AND NOT EXISTS (
                SELECT 1 FROM messaging_block AS b
                WHERE (b.user_id, b.blocked_id) IN ((%(me)s, peer.user_id), (peer.user_id, %(me)s)))
            """,
            {"me": user_id, "conversation": conversation_id},
        )
        row = cursor.fetchone()
    return row[0] if row else None


# --- messages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MessagePage:
    """Rows in ascending order, what of the log may be seen, and whether it goes on before and after them."""

    rows: list[Message]
    window: access.Window
    has_older: bool
    has_newer: bool


def messages(*, actor_id: int, conversation_id: int, after: int | None, before: int | None, limit: int) -> MessagePage:
    """A stretch of the log: the first rows behind ``after``, the last before ``before``, or the newest.

    Raises ``NotFound``.
    """
    window = access.window(conversation_id=conversation_id, user_id=actor_id)
    rows = Message.objects.filter(conversation_id=conversation_id, seq__gte=window.first_seq, seq__lte=window.last_seq)
    if after is not None:
        found = list(rows.filter(seq__gt=after).order_by("seq")[: limit + 1])
        older = bool(found) and found[0].seq > window.first_seq
        return MessagePage(rows=found[:limit], window=window, has_older=older, has_newer=len(found) > limit)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    found = list(rows.order_by("-seq")[: limit + 1])
    newest = found[:limit][::-1]
    return MessagePage(rows=newest, window=window, has_older=len(found) > limit, has_newer=before is not None)


def message_frame_of(*, actor_id: int, conversation_id: int, seq: int) -> Json:
    """One row, as in a page of the history. Raises ``NotFound``."""
    window = access.window(conversation_id=conversation_id, user_id=actor_id)
    found = Message.objects.filter(conversation_id=conversation_id, seq=seq).first() if seq in window else None
    if found is None:
        raise NotFound
    return message_frames(actor_id=actor_id, rows=[found], window=window)[0]


def message_frames(*, actor_id: int, rows: Sequence[Message], window: access.Window) -> list[Json]:
    """Rows of one conversation as somebody who may read them sees them, with what they are about and what is theirs.

    At most three statements (of a page without changes and reactions, one), and what the products ask whose cards and
    personas are among them.
    """
    if not rows:
        return []
    conversation_id = rows[0].conversation_id
    targets = _targets(rows, window)
    shown = [*rows, *targets.values()]
    hidden = _hidden(actor_id, conversation_id, {row.seq for row in shown})
    for row in shown:
        if row.seq in hidden:
            _bury(row)
    personas.show(shown)
    live = cards.live(shown, viewer_id=actor_id)
    reactions = _reactions_of(actor_id, conversation_id, [row.seq for row in rows if row.reactions])
    frames = []
    for row in rows:
        target = targets.get(row.ref_seq or 0)
        frame = message_frame(row, target=target)
        frame["mine"] = {"reactions": reactions[row.seq], "live": cards.live_of(target or row, live)}
        frames.append(frame)
    return frames


def _targets(rows: Sequence[Message], window: access.Window) -> dict[int, Message]:
    """What rows are about, by seq, as far as it may be seen."""
    about = {row.ref_seq for row in rows if row.ref_seq is not None and row.ref_seq in window}
    if not about:
        return {}
    found = Message.objects.filter(conversation_id=rows[0].conversation_id, seq__in=about)
    return {row.seq: row for row in found}


def _hidden(user_id: int, conversation_id: int, seqs: Iterable[int]) -> set[int]:
    hidden = HiddenMessage.objects.filter(conversation_id=conversation_id, user_id=user_id, seq__in=list(seqs))
    return set(hidden.values_list("seq", flat=True))


def _bury(row: Message) -> None:
    """In its place stays that there was something, so that the numbers have no holes."""
    row.kind, row.body, row.reactions, row.edited_at, row.recalled_at = Message.Kind.DELETED, {}, {}, None, None


def _reactions_of(user_id: int, conversation_id: int, seqs: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    if seqs:
        mine = Reaction.objects.filter(conversation_id=conversation_id, seq__in=seqs, user_id=user_id)
        for seq, emoji in mine.order_by("seq", "emoji").values_list("seq", "emoji"):
            found[seq].append(emoji)
    return found


def reactions_to(*, actor_id: int, conversation_id: int, seq: int, emoji: str | None) -> QuerySet[Reaction]:
    """Who reacted to a message, with ``emoji`` or with anything; page by ``user_id, emoji``. Raises ``NotFound``."""
    access.message(conversation_id=conversation_id, user_id=actor_id, seq=seq)
    masked = Membership.objects.filter(conversation_id=conversation_id).exclude(persona="")
    # Who speaks as a persona is counted and not named.
    found = Reaction.objects.filter(conversation_id=conversation_id, seq=seq).exclude(
        user_id__in=masked.values("user_id")
    )
    return found if emoji is None else found.filter(emoji=emoji)


def versions_of(*, actor_id: int, conversation_id: int, seq: int) -> QuerySet[MessageVersion]:
    """What a message said before it was edited; page by ``version``. Raises ``NotFound``."""
    access.message(conversation_id=conversation_id, user_id=actor_id, seq=seq)
    return MessageVersion.objects.filter(conversation_id=conversation_id, seq=seq)


def readable_references(viewer_id: int, references: set[str]) -> set[str]:
    """Which of these places (``conversation_id:seq``) somebody may read and has not deleted for themselves: the rule
    behind files. One statement."""
    places = [tuple(map(int, reference.split(":"))) for reference in references]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT place.conversation_id, place.seq
            FROM unnest(%s::bigint[], %s::bigint[]) AS place (conversation_id, seq)
            JOIN messaging_membership AS mine ON mine.conversation_id = place.conversation_id AND mine.user_id = %s
            WHERE place.seq >= mine.joined_seq AND place.seq > mine.cleared_seq
                AND (mine.left_seq IS NULL OR place.seq <= mine.left_seq)
                AND NOT EXISTS (
                    SELECT 1 FROM messaging_hidden_message AS hidden
                    WHERE hidden.conversation_id = place.conversation_id AND hidden.user_id = mine.user_id
                        AND hidden.seq = place.seq)
            """,
            [[place[0] for place in places], [place[1] for place in places], viewer_id],
        )
        return {f"{conversation_id}:{seq}" for conversation_id, seq in cursor.fetchall()}


# --- catching up ------------------------------------------------------------------------------------------------------


def sync(*, user_id: int, cursor: str) -> Json:
    """What changed since ``cursor`` in somebody's conversations and kept events; every conversation without one.

    What does not fit on one page goes on under the next cursor; the last page's begins where the first one's clock
    stood. Raises ``InvalidInput``.
    """
    since, position = realtime.read_sync_cursor(cursor) if cursor else (None, realtime.SyncPosition())
    until = position.until or realtime.database_time()
    ids = _changed_conversation_ids(user_id, since, after=position.conversation_id)
    events = (
        realtime.kept_events(user_id=user_id, since=since, after=position.event, limit=SYNC_PAGE + 1) if since else []
    )
    has_more = len(ids) > SYNC_PAGE or len(events) > SYNC_PAGE
    ids, events = ids[:SYNC_PAGE], events[:SYNC_PAGE]
    if has_more:
        next_cursor = realtime.sync_cursor(
            since,
            realtime.SyncPosition(
                until=until,
                conversation_id=ids[-1] if ids else position.conversation_id,
                event=(events[-1].created_at, events[-1].id) if events else position.event,
            ),
        )
    else:
        next_cursor = realtime.sync_cursor(until)
    return {
        "conversations": conversation_frames(actor_id=user_id, conversation_ids=ids),
        "events": [realtime.kept_event_frame(event) for event in events],
        # Their own truth, and short: how they stand now says whether to look.
        "notices": None if has_more else notices_summary(user_id),
        "cursor": next_cursor,
        "has_more": has_more,
    }


def _changed_conversation_ids(user_id: int, since: datetime | None, *, after: int) -> list[int]:
    mine = Membership.objects.filter(user_id=user_id, conversation_id__gt=after, conversation__last_seq__gt=0)
    if since is not None:
        horizon = since - realtime.OVERLAP
        # Of what goes on where they have left they hear nothing, not even that it does.
        mine = mine.filter(Q(left_seq=None, conversation__changed_at__gt=horizon) | Q(changed_at__gt=horizon))
    return list(mine.order_by("conversation_id").values_list("conversation_id", flat=True)[: SYNC_PAGE + 1])


# --- contacts ---------------------------------------------------------------------------------------------------------


def friends_of(user_id: int, *, tag_id: int | None = None) -> QuerySet[Friendship]:
    """Those under one of the person's own tags, or all; page by ``-created_at, -friend_id``."""
    mine = Friendship.objects.filter(user_id=user_id)
    if tag_id is None:
        return mine
    return mine.filter(friend_id__in=TaggedFriend.objects.filter(user_id=user_id, tag_id=tag_id).values("friend_id"))


def tags_of(user_id: int) -> list[FriendTag]:
    """By name. There are at most a hundred."""
    return sorted(FriendTag.objects.filter(user_id=user_id), key=lambda tag: tag.name)


def show_tags(friendships: Sequence[Friendship]) -> None:
    """Put beside each the ids of the tags that its owner has given it; all are one person's. One statement."""
    tags: dict[int, list[int]] = {friendship.friend_id: [] for friendship in friendships}
    if friendships:
        rows = TaggedFriend.objects.filter(user_id=friendships[0].user_id, friend_id__in=tags).order_by("tag_id")
        for row in rows:
            tags[row.friend_id].append(row.tag_id)
    for friendship in friendships:
        friendship.tag_ids = tags[friendship.friend_id]  # type: ignore[attr-defined]


def friendship(*, actor_id: int, friend_id: int) -> Friendship:
    """Raises ``NotFound``."""
    found = Friendship.objects.filter(user_id=actor_id, friend_id=friend_id).first()
    if found is None:
        raise NotFound
    return found


def friend_requests(*, actor_id: int, direction: str) -> QuerySet[FriendRequest]:
    """``incoming`` or ``outgoing``; page by ``-created_at, -id``. Show them through ``hide_refusals``."""
    if direction == "incoming":
        return FriendRequest.objects.filter(recipient_id=actor_id)
    return FriendRequest.objects.filter(sender_id=actor_id)


def hide_refusals(requests: Iterable[FriendRequest], *, viewer_id: int) -> None:
    """A sender is not told of a refusal: for them the request still waits."""
    for request in requests:
        if request.sender_id == viewer_id and request.state == FriendRequest.State.DECLINED:
            request.state = FriendRequest.State.PENDING


def blocks_of(user_id: int) -> QuerySet[Block]:
    """Page by ``-created_at, -blocked_id``."""
    return Block.objects.filter(user_id=user_id)


def who_hide_from(viewer_id: int, user_ids: set[int]) -> set[int]:
    """Those of these people who have blocked the viewer."""
    blocks = Block.objects.filter(user_id__in=user_ids, blocked_id=viewer_id)
    return set(blocks.values_list("user_id", flat=True))


def friends_who_see(user_id: int) -> list[int]:
    """The friends of somebody but those whom they have blocked, who stay in both lists."""
    blocked = Block.objects.filter(user_id=user_id).values("blocked_id")
    return list(friends_of(user_id).exclude(friend_id__in=blocked).values_list("friend_id", flat=True))


def preferences_of(user_id: int) -> Preferences:
    return Preferences.objects.filter(user_id=user_id).first() or Preferences(user_id=user_id)


def show_people(rows: Iterable[Any], **attributes: str) -> None:
    """Put the people beside rows that hold their ids: ``show_people(rows, user="friend_id")``. One statement."""
    rows = list(rows)
    people = accounts.users(getattr(row, id_name) for row in rows for id_name in attributes.values())
    for row in rows:
        for name, id_name in attributes.items():
            setattr(row, name, people[getattr(row, id_name)])
