"""People for tests: fresh ones each time, signed in as a phone would be, with the friendships a test needs."""

import itertools
from dataclasses import dataclass
from uuid import uuid4

from messaging import services as messaging
from messaging.models import Friendship
from superapp.accounts import services as accounts

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Device:
    """A signed-in device of somebody. ``id`` is the person's, as the API writes it."""

    user_id: int
    device_id: int
    token: str
    handle: str

    @property
    def id(self) -> str:
        return str(self.user_id)

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def person(name: str = "Ada") -> Device:
    """Somebody new."""
    handle = f"{name.lower()}{next(_numbers)}_{uuid4().hex[:6]}"[:20]
    user = accounts.create_user(phone=None, display_name=name, handle=handle)
    return sign_in(user.id, handle)


def people(count: int) -> list[Device]:
    return [person() for _ in range(count)]


def another_device(of: Device) -> Device:
    return sign_in(of.user_id, of.handle)


def sign_in(user_id: int, handle: str) -> Device:
    session = accounts.start_session(user_id=user_id, device_name="Test", platform="terminal")
    return Device(user_id=user_id, device_id=session.device.id, token=session.access.text, handle=handle)


def befriend(one: Device, other: Device, *, greeting: str = "") -> int:
    """Returns their conversation, in which the greeting is row 1."""
    request = messaging.request_friend(
        sender_id=one.user_id, recipient_id=other.user_id, source="handle", greeting=greeting
    )
    return messaging.accept_friend_request(actor_id=other.user_id, request_id=request.id).conversation_id


def friends(*names: str) -> tuple[Device, Device, int]:
    """Two people and their conversation."""
    one, other = (person(name) for name in names or ("Ada", "Bo"))
    return one, other, befriend(one, other)


def group(owner: Device, *members: Device, title: str = "Tea") -> int:
    """A group whose members need not have met: only who creates one has to know everybody."""
    Friendship.objects.bulk_create(
        (
            Friendship(user_id=a.user_id, friend_id=b.user_id, source="handle", conversation_id=0)
            for member in members
            for a, b in ((owner, member), (member, owner))
        ),
        ignore_conflicts=True,
    )
    return messaging.create_group(
        creator_id=owner.user_id, title=title, member_ids=[member.user_id for member in members], client_id=uuid4()
    ).conversation_id


def say(who: Device, conversation_id: int, text: str = "hello") -> int:
    """Send a text past the gateway; returns its seq."""
    return messaging.send_message(
        sender_id=who.user_id, conversation_id=conversation_id, client_id=uuid4(), kind="text", text=text
    ).seq
