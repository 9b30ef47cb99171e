"""What happens around this app's facts, and what it plugs into the rooms below."""

from collections.abc import Sequence

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from messaging import badge, group_lists, notices, selectors, services
from messaging import registry as products
from messaging.events import (
    ConversationOpened,
    MemberLeft,
    MembersJoined,
    MessageSent,
    MineChanged,
    NoticeCreated,
    NoticesChanged,
    ReadMarkMoved,
)
from messaging.frames import conversation_topic
from messaging.services import joining, leaving
from superapp.accounts import registry as people
from superapp.accounts import selectors as accounts
from superapp.accounts.events import ProfileChanged
from superapp.core import links
from superapp.core.events import after_commit
from superapp.media import registry as media
from superapp.realtime import push
from superapp.realtime import registry as realtime
from superapp.safety import registry as safety


def register() -> None:
    people.visibility.register(selectors.who_hide_from)
    realtime.topics.register("conversation", may_join=selectors.is_member, initial=selectors.places_of)
    media.register_purpose(
        "message",
        kinds={"photo", "voice", "video", "file"},
        max_bytes=100 * 1024 * 1024,
        variants={"thumb": 320, "large": 1600},
        may_view=selectors.readable_references,
    )
    links.register(joining.LINK, group_lists.group_behind_link, label=_("An invitation to a group"))
    safety.subjects.register(
        "message",
        label=_("Message"),
        actions={"ban_author": safety.Action(_("Ban its author"), services.ban_author)},
        belongs_to=services.author_of,
    )
    people.privacy.register(
        "messaging",
        export=leaving.copy_of_person,
        erase=leaving.erase_person,
        covers={
            "messaging.Friendship": {"user_id", "friend_id"},
            "messaging.FriendRequest": {"recipient_id", "sender_id"},
            "messaging.Block": {"user_id"},
            "messaging.Preferences": {"user_id"},
            "messaging.FriendTag": {"user_id"},
            "messaging.TaggedFriend": {"user_id", "friend_id"},
            "messaging.GroupCreation": {"creator_id"},
            "messaging.GroupLink": {"issuer_id"},
            "messaging.GroupInvitation": {"invitee_id", "inviter_id"},
            "messaging.JoinRequest": {"user_id", "inviter_id"},
            "messaging.Membership": {"user_id"},
            "messaging.Message": {"sender_id"},
            "messaging.Reaction": {"user_id"},
            "messaging.HiddenMessage": {"user_id"},
            "messaging.Notice": {"user_id"},
            "messaging.NoticeMute": {"user_id"},
        },
    )
    products.inbox.register("messages", unread=badge.unread_messages, preview=None)
    products.inbox.register("notices", unread=notices.unread, preview=notices.preview)
    services.register_loop()


@after_commit(ProfileChanged)
def show_profile(event: ProfileChanged) -> None:
    """To the person's own devices and to the friends who may see them, whose lists show them; others see it when they
    look."""
    profile = accounts.profile_frame(accounts.active_user(event.user_id))
    push.to_users([event.user_id, *selectors.friends_who_see(event.user_id)], type="profile.changed", payload=profile)


@after_commit(ConversationOpened)
def join_those_who_are_there(event: ConversationOpened) -> None:
    _join(event.conversation_id, event.member_ids)


@after_commit(MembersJoined)
def join_who_has_come(event: MembersJoined) -> None:
    _join(event.conversation_id, event.member_ids, from_seq=event.joined_seq)


def _join(conversation_id: int, user_ids: Sequence[int], *, from_seq: int | None = None) -> None:
    push.join(topic=conversation_topic(conversation_id), user_ids=user_ids, from_version=from_seq)
    push.to_users(user_ids, type="conversation.joined", payload={"conversation_id": str(conversation_id)})
    # Whoever went meanwhile may have been dropped before this order: asked again, because orders have no order.
    if gone := set(user_ids) - selectors.members_among(conversation_id, user_ids):
        push.drop(topic=conversation_topic(conversation_id), user_ids=gone)


@after_commit(MemberLeft)
def drop_who_has_left(event: MemberLeft) -> None:
    conversation_id = str(event.conversation_id)
    push.drop(topic=conversation_topic(event.conversation_id), user_ids=[event.user_id])
    payload = {"conversation_id": conversation_id, "left_seq": event.left_seq}
    push.to_users([event.user_id], type="conversation.left", payload=payload)
    # Likewise who has come back.
    if back := selectors.members_among(event.conversation_id, [event.user_id]):
        push.join(topic=conversation_topic(event.conversation_id), user_ids=back)


@after_commit(MessageSent)
def show_message(event: MessageSent) -> None:
    push.to_topic(
        conversation_topic(event.conversation_id), type="message.created", payload=event.frame, version=event.seq
    )


@after_commit(MineChanged)
def show_what_was_chosen(event: MineChanged) -> None:
    """To their own devices: what somebody chose for a conversation is nobody else's business."""
    frame = selectors.conversation_frame(actor_id=event.user_id, conversation_id=event.conversation_id)
    payload = {"conversation_id": frame["id"], "mine": frame["mine"]}
    push.to_users([event.user_id], type="conversation.changed", payload=payload)


@after_commit(NoticeCreated)
def show_notice(event: NoticeCreated) -> None:
    rows = list(notices.notices_of(event.user_id).filter(id=event.notice_id))
    with translation.override(accounts.language_of(event.user_id)):
        for frame in notices.frames(rows, reader_id=event.user_id):
            push.to_users([event.user_id], type="notice.created", payload=frame)


@after_commit(NoticesChanged)
def show_what_is_left_to_read(event: NoticesChanged) -> None:
    push.to_users([event.user_id], type="notices.changed", payload={"unread": notices.unread(event.user_id)})


@after_commit(ReadMarkMoved)
def show_read_mark(event: ReadMarkMoved) -> None:
    conversation_id = str(event.conversation_id)
    push.to_users(
        [event.user_id],
        type="read.updated",
        payload={"conversation_id": conversation_id, "read_seq": event.read_seq, "unread": event.unread},
    )
    peer_id = selectors.peer_who_may_see_read_marks(conversation_id=event.conversation_id, user_id=event.user_id)
    if peer_id is not None:
        push.to_users(
            [peer_id],
            type="peer.read",
            payload={"conversation_id": conversation_id, "user_id": str(event.user_id), "read_seq": event.read_seq},
        )
