"""Groups for tests, and what is asked of them."""

from typing import Any

from messaging.models import Conversation, Friendship, Membership, Message
from tests.messaging.api import Api
from tests.realtime.people import Device, group, person

Json = dict[str, Any]
NO_LIMITS = {
    "messaging.change_group.user": (1_000_000, 1),
    "messaging.add_members.user": (1_000_000, 1),
    "messaging.join_group.user": (1_000_000, 1),
    "links.scan.user": (1_000_000, 1),
}


def tea() -> tuple[Device, Device, Device, str]:
    """Ada's group, of which Bo is an administrator and Cy a member; and the beginning of its addresses."""
    ada, bo, cy = (person(name) for name in ("Ada", "Bo", "Cy"))
    at = f"conversations/{group(ada, bo, cy)}/"
    Api(ada).ok("PUT", f"{at}admins/{bo.id}/", status=204)
    return ada, bo, cy, at


def id_of(at: str) -> int:
    return int(at.split("/")[1])


def last(who: Device, at: str) -> Json:
    return dict(Api(who).history(id_of(at))[-1])


def roles(at: str) -> dict[str, str]:
    rows = Membership.objects.filter(conversation_id=id_of(at), left_seq=None)
    return {str(user_id): role for user_id, role in rows.values_list("user_id", "role")}


def know_each_other(one: Device, *others: Device) -> None:
    Friendship.objects.bulk_create(
        (
            Friendship(user_id=a.user_id, friend_id=b.user_id, source="handle", conversation_id=0)
            for other in others
            for a, b in ((one, other), (other, one))
        ),
        ignore_conflicts=True,
    )


def fill(at: str, count: int) -> None:
    """As many members as that, of whom nothing is known but their number."""
    conversation = Conversation.objects.get(id=id_of(at))
    Membership.objects.bulk_create(
        Membership(conversation_id=conversation.id, user_id=10**14 + number)
        for number in range(count - conversation.member_count)
    )
    Conversation.objects.filter(id=conversation.id).update(member_count=count)


def add(who: Device, at: str, *others: Device) -> Json:
    return dict(Api(who).ok("POST", f"{at}members/", {"user_ids": [other.id for other in others]}))


def added(*, in_: list[Device] = [], invited: list[Device] = [], waiting: list[Device] = []) -> Json:  # noqa: B006
    return {
        "added_ids": sorted(one.id for one in in_),
        "invited_ids": sorted(one.id for one in invited),
        "waiting_ids": sorted(one.id for one in waiting),
    }


def kinds(at: str) -> list[str]:
    return list(Message.objects.filter(conversation_id=id_of(at)).order_by("seq").values_list("kind", flat=True))
