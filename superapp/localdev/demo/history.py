"""Conversations as rows. They carry the numbers that ``messaging.log`` would have given them, and times in the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from messaging.models import (
    Conversation,
    DirectPair,
    FriendRequest,
    Friendship,
    GroupCreation,
    GroupLink,
    Membership,
    Message,
    Reaction,
)
from superapp.client.conversation_log import NOT_COUNTED
from superapp.core.idempotency import request_hash
from superapp.core.ids import new_id
from superapp.localdev.demo.friends import MUTED, PINNED
from superapp.localdev.demo.people import BY_HANDLE
from superapp.localdev.demo.script import Direct, Group, Said, Told, tell
from superapp.media import services as media
from superapp.media.models import Asset

Kind = Message.Kind


def client_id(*names: str) -> UUID:
    """The key under which the client of a demo person would have sent something: the same in every run."""
    return uuid5(NAMESPACE_URL, ":".join(("superapp-demo", *names)))


def chance_for(*names: str) -> Random:
    """Chance of its own for everything, so that a new line in one place changes nothing in another."""
    return Random(":".join(names))  # noqa: S311  (nothing here is secret)


def told(story: Direct | Group, *, now: datetime) -> Told:
    zone = ZoneInfo(BY_HANDLE[story.members[0]].city.time_zone)
    return tell(story.talk, zone=zone, now=now, chance=chance_for(*name_of(story)))


def name_of(story: Direct | Group) -> tuple[str, ...]:
    return ("group", story.title) if isinstance(story, Group) else ("direct", story.asks, story.answers)


@dataclass
class History:
    """Rows to be written, table by table. ``ids`` are people's by handle, ``photos`` assets by their message's key."""

    ids: Mapping[str, int]
    photos: Mapping[UUID, Asset]
    now: datetime
    conversations: list[Conversation] = field(default_factory=list)
    pairs: list[DirectPair] = field(default_factory=list)
    groups: list[GroupCreation] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    links: list[GroupLink] = field(default_factory=list)
    friendships: list[Friendship] = field(default_factory=list)
    requests: list[FriendRequest] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)

    def add_direct(self, story: Direct) -> None:
        """Two friends, since shortly before they first wrote, or since long ago when they never did."""
        conversation = Conversation(id=new_id(), kind=Conversation.Kind.DIRECT, member_count=2)
        lo, hi = sorted(self.ids[handle] for handle in story.members)
        self.pairs.append(DirectPair(lo=lo, hi=hi, conversation_id=conversation.id))
        talk = told(story, now=self.now)
        chance = chance_for("friends", *story.members)
        if talk.said:
            friends_at = talk.said[0].at - timedelta(seconds=chance.uniform(60, 600))
        else:
            friends_at = self._long_ago(story, chance)
        self._befriend(story, conversation.id, friends_at, chance)
        greeting = {"greeting": story.greeting}
        first = self._message(
            conversation,
            name_of(story),
            story.asks,
            Kind.FRIENDS_NOW,
            friends_at,
            body=greeting,
            asked=request_hash(**greeting),
        )
        last = self._more(conversation, story, talk) if story.members == ("grace", "ada") else ()
        self._add_log(conversation, story, talk, first, last)

    def add_group(self, story: Group) -> None:
        """A group begins with a row that counts for nobody as unread."""
        creator, *others = (self.ids[handle] for handle in story.members)
        talk = told(story, now=self.now)
        conversation = Conversation(
            id=new_id(), kind=Conversation.Kind.GROUP, title=story.title, member_count=len(story.members)
        )
        asked = request_hash(title=story.title, member_ids=sorted(others))
        creation = GroupCreation(
            creator_id=creator,
            client_id=client_id(*name_of(story)),
            request_hash=asked,
            conversation_id=conversation.id,
        )
        self.groups.append(creation)
        first = self._message(
            conversation,
            name_of(story),
            story.members[0],
            Kind.GROUP_CREATED,
            talk.said[0].at - timedelta(minutes=2),
            body={"title": story.title, "member_ids": [str(user_id) for user_id in (creator, *sorted(others))]},
            asked=asked,
        )
        self._add_log(conversation, story, talk, first, self._decided(conversation, story, talk.said[-1].at))
        if story.notice:
            conversation.notice, conversation.mention_all_seq = story.notice, conversation.last_seq
            link = GroupLink(
                conversation=conversation, id=new_id(), issuer_id=creator, expires_at=self.now + timedelta(days=7)
            )
            self.links.append(link)

    def write(self) -> None:
        """Into empty places only: the caller has looked. In the caller's transaction, one statement for each table."""
        Conversation.objects.bulk_create(self.conversations)
        DirectPair.objects.bulk_create(self.pairs)
        GroupCreation.objects.bulk_create(self.groups)
        Membership.objects.bulk_create(self.memberships)
        Message.objects.bulk_create(self.messages)
        GroupLink.objects.bulk_create(self.links)
        Reaction.objects.bulk_create(self.reactions)
        # Somebody may have been playing: asked, become friends and parted again.
        Friendship.objects.bulk_create(self.friendships, ignore_conflicts=True)
        FriendRequest.objects.bulk_create(self.requests, ignore_conflicts=True)

    def _long_ago(self, story: Direct, chance: Random) -> datetime:
        zone = ZoneInfo(BY_HANDLE[story.asks].city.time_zone)
        day = self.now.astimezone(zone) - timedelta(days=chance.randint(60, 280))
        return day.replace(hour=chance.randint(10, 20), minute=chance.randint(0, 59), second=chance.randint(0, 59))

    def _befriend(self, story: Direct, conversation_id: int, at: datetime, chance: Random) -> None:
        for handle, other in (story.members, story.members[::-1]):
            self.friendships.append(
                Friendship(
                    user_id=self.ids[handle],
                    friend_id=self.ids[other],
                    remark=story.remarks.get(handle, ""),
                    source=story.source,
                    conversation_id=conversation_id,
                    created_at=at,
                )
            )
        self.requests.append(
            FriendRequest(
                recipient_id=self.ids[story.answers],
                sender_id=self.ids[story.asks],
                id=new_id(),
                source=story.source,
                greeting=story.greeting,
                state=FriendRequest.State.ACCEPTED,
                created_at=at - timedelta(minutes=chance.uniform(1, 90)),
            )
        )

    def _decided(self, conversation: Conversation, story: Group, at: datetime) -> list[Message]:
        """What the owner did when all was said: a minute later, and then another."""
        done: list[tuple[Kind, dict[str, Any]]] = [
            (Kind.ADMIN_APPOINTED, {"member_id": str(self.ids[admin])}) for admin in story.admins
        ]
        if story.notice:
            done.append((Kind.NOTICE_CHANGED, {"notice": story.notice}))
        return [
            self._message(
                conversation,
                (*name_of(story), "decided", str(place)),
                story.members[0],
                kind,
                at + timedelta(minutes=place),
                body=body,
                asked=request_hash(**body),
            )
            for place, (kind, body) in enumerate(done, 1)
        ]

    def _more(self, conversation: Conversation, story: Direct, talk: Told) -> list[Message]:
        """What is no plain text: a place, a contact, an answer to what was said before, and a reaction to that."""
        by = story.asks
        # The first row is that they are friends.
        quoted, quoted_seq = next(
            (said, seq) for seq, said in reversed(list(enumerate(talk.said, 2))) if said.sender != by and said.text
        )
        sender_id, friend = str(self.ids[quoted.sender]), BY_HANDLE["bo"]
        quote = {
            "seq": quoted_seq,
            "sender_id": sender_id,
            "persona": None,
            "kind": Kind.TEXT.value,
            "text": quoted.text[:100],
            "is_recalled": False,
        }
        said: list[tuple[Kind, dict[str, Any]]] = [
            (
                Kind.LOCATION,
                {"latitude": 51.4613, "longitude": -0.1156, "name": "Brixton Market", "address": "Electric Lane"},
            ),
            (Kind.CONTACT, {"user_id": str(self.ids["bo"]), "display_name": friend.name, "avatar_id": None}),
            (Kind.TEXT, {"text": "Two of them", "quote": quote}),
            (Kind.REACTED, {"emoji": "❤️", "is_added": True}),
        ]
        rows = [
            self._message(
                conversation,
                (*name_of(story), "more", str(index)),
                by,
                kind,
                talk.said[-1].at + timedelta(minutes=index),
                body=body,
                asked=request_hash(**body),
            )
            for index, (kind, body) in enumerate(said, 1)
        ]
        rows[2].quote_seq = rows[3].ref_seq = quoted_seq
        self.reactions.append(Reaction(conversation=conversation, seq=quoted_seq, user_id=self.ids[by], emoji="❤️"))
        return rows

    def _add_log(
        self,
        conversation: Conversation,
        story: Direct | Group,
        talk: Told,
        first: Message,
        last: Sequence[Message] = (),
    ) -> None:
        spoken = [self._spoken(conversation, story, said, place) for place, said in enumerate(talk.said, 2)]
        rows, message_no = [first, *spoken, *last], 0
        for seq, row in enumerate(rows, 1):
            message_no += row.kind not in NOT_COUNTED and row.ref_seq is None
            row.seq, row.message_no = seq, message_no
            if row.ref_seq is not None:
                rows[row.ref_seq - 1].reactions = {row.body["emoji"]: 1}
        self.messages += rows
        conversation.created_at = first.created_at
        shown = [row for row in rows if row.ref_seq is None][-1]
        conversation.changed_at, conversation.last_at = rows[-1].created_at, shown.created_at
        conversation.last_seq, conversation.last_shown_seq = rows[-1].seq, shown.seq
        conversation.last_message_no = rows[-1].message_no
        self.conversations.append(conversation)
        for handle in story.members:
            read = rows[talk.unread_from.get(handle, len(rows) - 1)]
            self.memberships.append(
                Membership(
                    conversation=conversation,
                    user_id=self.ids[handle],
                    role=_role(handle, story),
                    is_muted=isinstance(story, Group) and (handle, story.title) in MUTED,
                    pinned_at=(
                        first.created_at if isinstance(story, Group) and (handle, story.title) in PINNED else None
                    ),
                    read_seq=read.seq,
                    read_message_no=read.message_no,
                    joined_at=first.created_at,
                    changed_at=read.created_at,
                )
            )

    def _spoken(self, conversation: Conversation, story: Direct | Group, said: Said, seq: int) -> Message:
        name = (*name_of(story), str(seq))
        if not said.photo:
            asked = request_hash(kind=Kind.TEXT.value, text=said.text)
            return self._message(
                conversation, name, said.sender, Kind.TEXT, said.at, body={"text": said.text}, asked=asked
            )
        (asset,) = media.attach(
            asset_ids=[self.photos[client_id(*name)].id],
            owner_id=self.ids[said.sender],
            purpose="message",
            reference=f"{conversation.id}:{seq}",
        )
        body = {
            "asset_id": str(asset.id),
            "width": asset.width,
            "height": asset.height,
            "content_type": asset.content_type,
        }
        asked = request_hash(kind=Kind.PHOTO.value, asset_id=asset.id)
        return self._message(conversation, name, said.sender, Kind.PHOTO, said.at, body=body, asked=asked)

    def _message(
        self,
        conversation: Conversation,
        name: Sequence[str],
        sender: str,
        kind: Kind,
        at: datetime,
        *,
        body: dict[str, Any],
        asked: bytes,
    ) -> Message:
        """Not numbered yet."""
        return Message(
            conversation=conversation,
            sender_id=self.ids[sender],
            client_id=client_id(*name),
            request_hash=asked,
            kind=kind,
            body=body,
            created_at=at,
        )


def _role(handle: str, story: Direct | Group) -> Membership.Role:
    if not isinstance(story, Group):
        return Membership.Role.MEMBER
    if handle == story.members[0]:
        return Membership.Role.OWNER
    return Membership.Role.ADMIN if handle in story.admins else Membership.Role.MEMBER
