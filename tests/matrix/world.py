"""A small world in which everybody stands in another relation to the owner's things."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from messaging import services as messaging
from messaging.models import GroupInvitation, JoinRequest
from payments import services as payments
from payments.ledger import services as ledger
from payments.ledger.models import Posting
from payments.models import Transfer
from superapp.accounts import services as accounts
from superapp.accounts.models import Organisation, User
from superapp.core.ids import new_id
from superapp.core.money import Money
from superapp.media import services as media
from tests.media import images
from tests.messaging import products
from tests.payments import packets, shop
from tests.payments.money import fund
from tests.payments.payers import payer
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
    #: To the staff of the asker's own organisation, for the owner.
    invitation_to_owner_id: int
    #: To the staff of the owner's organisation, for whoever holds it.
    invitation_link: str
    #: One more member of the owner's group.
    silent: Device
    #: To the owner's group, for whoever holds it.
    group_link: str
    #: The asker's, to which the owner is invited.
    other_group_id: int


def build() -> World:
    owner, member, ex_member, blocked, stranger, staff = (person(name) for name in ROLES[:-1])
    asker, silent = person("asker"), person("silent")
    User.objects.filter(id=staff.user_id).update(is_staff=True)
    direct_id = befriend(owner, member)
    blocked_direct_id = befriend(owner, blocked)
    conversation_id = group(owner, member, ex_member, silent)
    say(owner, conversation_id, "secret")
    group_link = messaging.group_link(actor_id=owner.user_id, conversation_id=conversation_id)
    # The asker is invited and waits as well, whichever comes first.
    ask_into_group(conversation_id, asker, by=owner)
    other_group_id = group(asker, silent)
    ask_into_group(other_group_id, owner, by=asker)
    say(blocked, blocked_direct_id, "secret")
    messaging.remove_member(actor_id=owner.user_id, conversation_id=conversation_id, user_id=ex_member.user_id)
    say(owner, conversation_id, "secret")
    messaging.block(actor_id=owner.user_id, user_id=blocked.user_id)
    packet = packets.send(owner, conversation_id, 100)
    # Nobody here has a PIN.
    payments.erase_security(owner.user_id)
    request = messaging.request_friend(sender_id=asker.user_id, recipient_id=owner.user_id, source="handle")
    asset = media.store(
        owner_id=owner.user_id,
        file=SimpleUploadedFile("photo.jpg", images.jpeg()),
        purpose="message",
        client_id=uuid4(),
    )
    organisation, elsewhere = approved(owner), approved(asker)
    for colleague in (member, ex_member, asker):
        accounts.accept_invitation_link(actor_id=colleague.user_id, link=invitation_link(owner, organisation))
    accounts.remove_member(actor_id=owner.user_id, organisation_id=organisation.id, user_id=ex_member.user_id)
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
            "seq": 2,
            "packet_id": packet.id,
            "tag_id": messaging.create_tag(actor_id=owner.user_id, name="Work").id,
            "user_id": owner.id,
            "device_id": another_device(owner).device_id,
            "export_id": accounts.request_export(actor_id=owner.user_id, client_id=uuid4()).id,
            "request_id": request.id,
            "link_id": group_link.link.id,
            "asset_id": asset.id,
            "notice_id": products.tell(owner),
            "notice_kind": products.NEWS,
            "organisation_id": organisation.id,
            "entry_id": Posting.objects.filter(account_id=fund(owner.user_id, 1_000)).latest("seq").entry_id,
            "invitation_id": invite(owner, organisation, phone="+33612000009").invitation.id,
            "transfer_id": transfer_that_waits(member, owner).id,
            "money_request_id": payments.request_money(
                requester_id=member.user_id,
                payer_id=owner.user_id,
                amount_minor=100,
                currency="CNY",
                note="secret",
                idempotency_key=uuid4(),
            ).id,
            "split_id": payments.split_bill(
                initiator_id=member.user_id,
                conversation_id=conversation_id,
                total=Money(100, "CNY"),
                participant_ids=[owner.user_id],
                note="secret",
                idempotency_key=uuid4(),
            ).id,
            "payment_id": shop.pay(payer(10), shop.to_user(owner.user_id, 10)).id,
        },
        blocked_direct_id=blocked_direct_id,
        direct_id=direct_id,
        asker=asker,
        invitation_to_owner_id=invite(asker, elsewhere, handle=owner.handle).invitation.id,
        invitation_link=invitation_link(owner, organisation),
        silent=silent,
        group_link=group_link.url,
        other_group_id=other_group_id,
    )


def ask_into_group(conversation_id: int, somebody: Device, *, by: Device) -> None:
    now = timezone.now()
    asked = {"conversation_id": conversation_id, "inviter_id": by.user_id, "created_at": now, "state": "pending"}
    GroupInvitation.objects.create(**asked, invitee_id=somebody.user_id, expires_at=now + timedelta(days=1))
    JoinRequest.objects.create(**asked, user_id=somebody.user_id)


def approved(owner: Device) -> Organisation:
    made = accounts.request_organisation(
        actor_id=owner.user_id, kind="merchant", name="secret organisation", client_id=uuid4()
    )
    return accounts.approve_organisation(organisation_id=made.id, actor_id=None, reason="for a test")


def invite(inviter: Device, organisation: Organisation, **to: str) -> accounts.Invited:
    return accounts.invite_staff(
        actor_id=inviter.user_id, organisation_id=organisation.id, roles=["cashier"], client_id=uuid4(), **to
    )


def invitation_link(inviter: Device, organisation: Organisation) -> str:
    return str(invite(inviter, organisation).link)


def transfer_that_waits(payer: Device, payee: Device) -> Transfer:
    """Its money is in the escrow of transfers, as if it had come from the payer's wallet."""
    found = Transfer.objects.create(
        id=new_id(),
        kind=Transfer.Kind.CHAT,
        payer_id=payer.user_id,
        payee_id=payee.user_id,
        amount_minor=100,
        currency="CNY",
        note="secret",
        idempotency_key=uuid4(),
        request_hash=b"",
    )
    ledger.transfer(
        debit_account_id=ledger.house_account("world", "CNY", "opening"),
        credit_account_id=ledger.house_account("escrow", "CNY", "transfers"),
        amount_minor=100,
        currency="CNY",
        purpose="payments.transfer",
        reference=str(found.id),
        step="send",
    )
    return found


def contents(*, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Of every table how many rows it has, and a sum over what is in them."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith(prefix)]
        parts = [f"SELECT '{table}', count(*), sum(hashtext(t::text)) FROM \"{table}\" AS t" for table in tables]
        cursor.execute(" UNION ALL ".join(parts))
        return {table: (count, hashes) for table, count, hashes in cursor.fetchall()}
