"""docs/asyncapi.yaml: that it names what there is, that it is true, and that all of it was seen to be."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from messaging import services as messaging
from payments import services as payments
from payments.events import MoneyMoved
from superapp.accounts import services as accounts
from superapp.accounts.events import DeviceAdded, PhoneChanged, StaffInvited
from superapp.core.api.fields import rfc3339
from superapp.core.errors import DomainError
from superapp.core.events import publish
from superapp.core.money import Money
from superapp.realtime import handlers, push, registry
from tests import contract
from tests.messaging import products
from tests.messaging.groups import fill
from tests.payments import packets
from tests.payments.money import fund
from tests.payments.security import approve
from tests.realtime.inside import InsideGateway
from tests.realtime.people import Device, another_device, group, person, say
from tests.realtime.rooms import room, rooms, server_with_rooms  # noqa: F401  (a fixture)
from tests.realtime.sockets import Refused, Rest, Socket, enter, entered

#: Messages of the file that the story below does not bring about, and where they are seen instead.
SEEN_ELSEWHERE: dict[str, str] = {
    "message.deleted": "tests/messaging/test_deleting.py",
    "history.cleared": "tests/messaging/test_deleting.py",
    "payment.updated": "tests/payments/test_refunds.py",
}


def _registered(types: set[str]) -> set[str]:
    return {name for name in types if not name.startswith(contract.OWN_TO_TESTS)}


def test_it_names_every_command_and_every_push() -> None:
    commands, pushes = _registered(registry.commands.types()), _registered(registry.pushes.types())
    own = {"auth", "subscribe", "unsubscribe", "ping"}
    assert {name.removesuffix(".ask") for name in contract.messages() if name.endswith(".ask")} == commands | own
    answers = {f"{name}.{end}" for name in commands | own for end in ("ask", "reply", "error")} | {"hello", "pong"}
    server = {"auth.expiring", "resync", "topic.snapshot", "topic.lost", "error"}
    assert contract.messages().keys() - answers == pushes | server


def test_all_that_it_refers_to_is_there() -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, part in value.items():
                if key == "$ref":
                    yield part
                else:
                    yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    found = set(references(contract.described()))
    assert found
    for reference in found:
        place: Any = contract.described()
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_errors_of_commands_are_domain_errors() -> None:
    for name in registry.commands.types():
        assert all(issubclass(error, DomainError) for error in registry.commands.find(name).errors)


@pytest.mark.parametrize(
    "call",
    [
        lambda: push.to_users([1], type="nobody.knows", payload={}),
        lambda: push.to_topic("conversation:1", type="nobody.knows", payload={}),
        # Declared, but not like that.
        lambda: push.to_users([1], type="message.created", payload={}),
        lambda: push.to_topic("user:1", type="message.created", payload={}),
        lambda: push.to_topic("conversation:1", type="message.created", payload={}),
        lambda: push.to_topic("conversation:1", type="typing", payload={}, version=1),
        lambda: push.to_users([1], type="friend.added", payload={}),
        lambda: push.to_users([1], type="read.updated", payload={}, keep=True),
    ],
)
def test_a_push_that_nobody_declared_is_refused_where_it_is_written(call: Any) -> None:
    with pytest.raises(AssertionError):
        call()


def test_in_production_a_push_that_nobody_declared_is_sent(settings: Any) -> None:
    settings.API_STRICT_DECLARATIONS = settings.DEBUG = False
    push.to_users([1], type="nobody.knows", payload={})


MARK = {"conversation_id": "1", "read_seq": 1, "unread": 0}


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "nobody.knows", "payload": {}},
        {"type": "read.updated", "payload": MARK, "topic": "conversation:1"},
        {"type": "read.updated", "payload": MARK | {"more": 1}},
        {"type": "read.updated", "payload": MARK | {"read_seq": "1"}},
        {"type": "read.updated", "payload": {"conversation_id": "1"}},
        {"type": "auth.expiring", "payload": {"at": "soon"}},
        {"ref": "9", "type": "reply", "payload": {"more": 1}},
        {"type": "pong", "payload": {"more": 1}},
        {"ref": "1", "type": "reply", "payload": {"more": 1}},
        {"ref": "1", "type": "error", "error": {"code": "too_long", "message": "", "details": {}}},
        {"ref": "1", "type": "error", "error": {"code": "not_found", "message": ""}},
    ],
)
def test_frames_that_are_not_as_it_says_are_found_out(frame: Any) -> None:
    conversation = contract.Conversation()
    conversation.sent('{"ref": "1", "type": "subscribe", "payload": {"topic": "conversation:1"}}')
    conversation.received(frame)
    assert contract.broken
    contract.broken.clear()


def test_what_is_obeyed_without_being_as_it_says_is_found_out() -> None:
    conversation = contract.Conversation()
    conversation.sent('{"ref": "1", "type": "subscribe", "payload": {"topic": 1}}')
    conversation.received({"ref": "1", "type": "reply", "payload": {}})
    assert contract.broken
    contract.broken.clear()


async def test_every_frame_of_it_is_seen(server: InsideGateway, settings: Any) -> None:
    contract.seen.clear()
    ada, bo = await asyncio.to_thread(lambda: (person("Ada"), person("Bo")))
    other = await asyncio.to_thread(another_device, ada)
    async with entered(server, ada, bo, other) as (here, there, beside):
        topic = await _become_friends(ada, bo, here, there)
        await _talk(topic.partition(":")[2], ada, bo, here, there, beside)
        await _pay(int(topic.partition(":")[2]), ada, bo, here, there)
        await _be_served(ada, bo, there)
        await _listen(topic, ada, here)
        await _be_somebody(ada, other, here)
        await _work_together(ada, bo, here, there)
        await _have_money(ada, here)
        await _be_refused(here)
    settings.REALTIME_EXPIRY_WARNING_SECONDS = 1_000_000
    async with await enter(server, ada) as socket:
        await socket.pushed("auth.expiring")
        assert await socket.ask("auth", {"ticket": await Rest(server, ada).ticket()}) == {}
        with pytest.raises(Refused):
            await socket.ask("auth", {"ticket": "none"})
    unseen = contract.messages().keys() - contract.seen
    assert unseen == SEEN_ELSEWHERE.keys()


async def _become_friends(ada: Device, bo: Device, here: Socket, there: Socket) -> str:
    request = await asyncio.to_thread(
        messaging.request_friend, sender_id=ada.user_id, recipient_id=bo.user_id, source="handle", greeting="Hello"
    )
    await there.pushed("friend.requested")
    friend = await asyncio.to_thread(messaging.accept_friend_request, actor_id=bo.user_id, request_id=request.id)
    await here.pushed("friend.added")
    await here.pushed("conversation.joined")
    # It was joined to the topic while it was there: it looks for itself.
    await here.find(lambda frame: frame["type"] == "resync")
    await asyncio.to_thread(
        messaging.change_mine, actor_id=ada.user_id, conversation_id=friend.conversation_id, is_muted=True
    )
    await here.pushed("conversation.changed")
    for one in (ada, bo):
        await asyncio.to_thread(messaging.change_preferences, actor_id=one.user_id, shares_read_marks=True)
    await here.pushed("messaging_settings.changed")
    await asyncio.to_thread(messaging.create_tag, actor_id=ada.user_id, name="Work")
    await here.pushed("friend_tags.changed")
    await asyncio.to_thread(messaging.change_friend, actor_id=ada.user_id, friend_id=bo.user_id, remark="Bo the baker")
    await here.pushed("friend.changed")
    made = await asyncio.to_thread(
        messaging.create_group, creator_id=ada.user_id, title="Tea", member_ids=[bo.user_id], client_id=uuid4()
    )
    await asyncio.to_thread(messaging.leave_group, actor_id=bo.user_id, conversation_id=made.conversation_id)
    await there.pushed("conversation.left")
    await asyncio.to_thread(_come_to_a_large_group, ada, bo, made.conversation_id)
    await there.pushed("group.invited")
    await here.pushed("group.join_requested")
    return f"conversation:{friend.conversation_id}"


def _come_to_a_large_group(ada: Device, bo: Device, conversation_id: int) -> None:
    fill(f"conversations/{conversation_id}/", 40)
    ours = {"actor_id": ada.user_id, "conversation_id": conversation_id}
    messaging.add_members(**ours, user_ids=[bo.user_id])
    messaging.change_group(**ours, joins_need_approval=True)
    messaging.join_by_link(actor_id=bo.user_id, link=messaging.group_link(**ours).url)


async def _talk(conversation_id: str, ada: Device, bo: Device, here: Socket, there: Socket, beside: Socket) -> None:
    await here.ask("typing", {"conversation_id": conversation_id})
    await there.pushed("typing")
    message = await here.send_text(conversation_id, "hello")
    await there.pushed("message.created", seq=message["seq"])
    it = {"conversation_id": conversation_id, "seq": message["seq"]}
    await there.ask("message.react", it | {"emoji": "👍", "is_added": True})
    await here.ask("message.edit", it | {"text": "hello, you"})
    await here.ask("message.recall", it)
    await there.ask("message.read", it)
    await here.pushed("peer.read")
    seq = await asyncio.to_thread(say, bo, int(conversation_id))
    await here.ask("message.read", {"conversation_id": conversation_id, "seq": seq})
    await beside.pushed("read.updated", read_seq=seq)


async def _pay(conversation_id: int, ada: Device, bo: Device, here: Socket, there: Socket) -> None:
    packet = await asyncio.to_thread(packets.send, ada, conversation_id, 520, kind="one_to_one", parts=1)
    await there.ask("red_packet.open", {"packet_id": str(packet.id)})
    await here.pushed("red_packet.opened")
    await asyncio.to_thread(packets.make_rich, ada, 100)
    await asyncio.to_thread(
        payments.create_transfer,
        payer_id=ada.user_id,
        payee_id=bo.user_id,
        amount_minor=100,
        currency="CNY",
        idempotency_key=uuid4(),
        approval=await asyncio.to_thread(approve, ada.user_id, "payments.transfer", f"user:{bo.id}", 100),
    )
    await there.pushed("transfer.updated")
    await asyncio.to_thread(
        payments.request_money,
        requester_id=bo.user_id,
        payer_id=ada.user_id,
        amount_minor=100,
        currency="CNY",
        idempotency_key=uuid4(),
    )
    await here.pushed("money_request.updated")
    bill = await asyncio.to_thread(
        payments.split_bill,
        initiator_id=ada.user_id,
        conversation_id=await asyncio.to_thread(group, ada, bo),
        total=Money(100, "CNY"),
        participant_ids=[bo.user_id],
        idempotency_key=uuid4(),
    )
    await asyncio.to_thread(payments.close_split, actor_id=ada.user_id, split_id=bill.id)
    await there.pushed("split.updated")


async def _be_served(ada: Device, bo: Device, there: Socket) -> None:
    name = {"purpose": "test.story", "reference": str(uuid4())}
    members = [ada.user_id, bo.user_id]
    await asyncio.to_thread(messaging.open_conversation, kind="temporary", member_ids=members, **name)
    await there.pushed("conversation.joined")
    await asyncio.to_thread(messaging.set_members, member_ids=members[:1], **name)
    await there.pushed("conversation.left")
    notice_id = await asyncio.to_thread(products.tell, bo)
    await there.pushed("notice.created")
    await asyncio.to_thread(messaging.mark_notices_read, actor_id=bo.user_id, up_to=notice_id)
    await there.pushed("notices.changed")


async def _listen(topic: str, ada: Device, here: Socket) -> None:
    await here.ask("ping")
    rooms.state["story"] = (1, {"people": 1})
    await here.ask("subscribe", {"topic": room("story", ada)})
    await here.pushed("topic.snapshot")
    await here.ask("unsubscribe", {"topic": "test.room:story"})
    await asyncio.to_thread(push.drop, topic=topic, user_ids=[ada.user_id])
    await here.pushed("topic.lost")


async def _be_somebody(ada: Device, other: Device, here: Socket) -> None:
    await asyncio.to_thread(accounts.change_profile, actor_id=ada.user_id, display_name="Ada Lovelace")
    await here.pushed("profile.changed", display_name="Ada Lovelace")
    added = DeviceAdded(device_id=other.device_id, user_id=ada.user_id)
    await asyncio.to_thread(handlers.tell_of_the_new_device, added)
    await here.pushed("device.added")
    changed = PhoneChanged(user_id=ada.user_id, old_phone="", changed_at=rfc3339(timezone.now()))
    await asyncio.to_thread(handlers.tell_of_the_new_number, changed)
    await here.pushed("phone.changed")


async def _work_together(ada: Device, bo: Device, here: Socket, there: Socket) -> None:
    made = await asyncio.to_thread(
        accounts.request_organisation, actor_id=ada.user_id, kind="merchant", name="Noodle House", client_id=uuid4()
    )
    await asyncio.to_thread(accounts.approve_organisation, organisation_id=made.id, actor_id=None, reason="a test")
    await here.pushed("organisation.changed")
    invited = await asyncio.to_thread(
        accounts.invite_staff,
        actor_id=ada.user_id,
        organisation_id=made.id,
        roles=["manager"],
        client_id=uuid4(),
        handle=bo.handle,
    )
    await asyncio.to_thread(
        handlers.show_invitation, StaffInvited(organisation_id=made.id, invitation_id=invited.invitation.id)
    )
    await there.pushed("organisation.invited")
    await asyncio.to_thread(accounts.accept_invitation, actor_id=bo.user_id, invitation_id=invited.invitation.id)
    await there.pushed("organisation.place_changed")


async def _have_money(ada: Device, here: Socket) -> None:
    def come_into_money() -> None:
        with transaction.atomic():
            fund(ada.user_id, 1_000)
            publish(MoneyMoved(user_ids=(ada.user_id,), currency="CNY"))

    await asyncio.to_thread(come_into_money)
    await here.pushed("wallet.changed", currency="CNY")


async def _be_refused(here: Socket) -> None:
    nowhere = {"conversation_id": "1"}
    message = nowhere | {"client_id": str(uuid4()), "kind": "text", "text": "hello"}
    refused = {
        "message.send": message,
        "message.read": nowhere | {"seq": 1},
        "message.edit": nowhere | {"seq": 1, "text": "hello"},
        "message.recall": nowhere | {"seq": 1},
        "message.react": nowhere | {"seq": 1, "emoji": "👍", "is_added": True},
        "typing": nowhere,
        "red_packet.open": {"packet_id": "1"},
        "subscribe": {"topic": "conversation:1"},
        "nobody.knows": {},
    }
    for name, payload in refused.items():
        with pytest.raises(Refused):
            await here.ask(name, payload)
