"""A small world in which everybody stands in another relation to the owner's things."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from messaging import services as messaging
from messaging.models import Membership
from superapp.accounts.models import User
from superapp.media import services as media
from tests.media import images
from tests.realtime.people import Device, another_device, befriend, group, person, say

Json = dict[str, Any]
Role = Literal["owner", "member", "ex_member", "blocked", "stranger", "staff", "anonymous"]
ROLES: tuple[Role, ...] = ("owner", "member", "ex_member", "blocked", "stranger", "staff", "anonymous")


@dataclass
class World:
    """``things`` are the owner's, by the name that the part of an address has: what a row acts on unless it says
    otherwise."""

    people: dict[Role, Device]
    things: dict[str, object]
    #: The conversation of the owner with whom they have blocked.
    blocked_direct_id: int
    #: The conversation of the owner with the member.
    direct_id: int
    #: Somebody who has asked the owner to be friends.
    asker: Device


def build() -> World:
    owner, member, ex_member, blocked, stranger, staff = (person(name) for name in ROLES[:-1])
    asker = person("asker")
    User.objects.filter(id=staff.user_id).update(is_staff=True)
    direct_id = befriend(owner, member)
    blocked_direct_id = befriend(owner, blocked)
    conversation_id = group(owner, member, ex_member)
    say(owner, conversation_id, "secret")
    say(blocked, blocked_direct_id, "secret")
    # As after a removal, which has no address of its own so far.
    Membership.objects.filter(conversation_id=conversation_id, user_id=ex_member.user_id).delete()
    messaging.block(actor_id=owner.user_id, user_id=blocked.user_id)
    request = messaging.request_friend(sender_id=asker.user_id, recipient_id=owner.user_id, source="handle")
    asset = media.store(
        owner_id=owner.user_id,
        file=SimpleUploadedFile("photo.jpg", images.jpeg()),
        purpose="message",
        client_id=uuid4(),
    )
    return World(
        people={
            "owner": owner,
            "member": member,
            "ex_member": ex_member,
            "blocked": blocked,
            "stranger": stranger,
            "staff": staff,
        },
        things={
            "conversation_id": conversation_id,
            "user_id": owner.id,
            "device_id": another_device(owner).device_id,
            "request_id": request.id,
            "asset_id": asset.id,
        },
        blocked_direct_id=blocked_direct_id,
        direct_id=direct_id,
        asker=asker,
    )


def contents(*, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Of every table how many rows it has, and a sum over what is in them."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith(prefix)]
        parts = [f"SELECT '{table}', count(*), sum(hashtext(t::text)) FROM \"{table}\" AS t" for table in tables]
        cursor.execute(" UNION ALL ".join(parts))
        return {table: (count, hashes) for table, count, hashes in cursor.fetchall()}
