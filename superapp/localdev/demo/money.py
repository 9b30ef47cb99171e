"""What the people of the demo city have in their wallets, and whom they paid.

Money cannot be dated back: the ledger takes its times from the database. So all of this happened when it was seeded, by
the services that everybody uses. Each thing has a key that never changes; what has been there once is not made again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from messaging.models import Conversation, DirectPair, Membership
from payments import services as payments
from payments.accounts import wallet_accounts
from payments.errors import ApprovalRequired
from payments.ledger import services as ledger
from payments.ledger.models import Entry
from payments.models import MoneyRequest, Payment, RedPacket, Split, Transfer, Wallet
from superapp.accounts.models import HandleDirectory, Organisation
from superapp.client.talk import DEMO_PIN
from superapp.core.ids import new_id
from superapp.core.money import Money
from superapp.localdev.demo.history import client_id
from superapp.localdev.demo.shop import PURPOSE

Ids = Mapping[str, int]
Made = TypeVar("Made")

#: What people brought with them, in minor units.
OPENING: dict[str, list[Money]] = {
    "ada": [Money(84_000, "EUR"), Money(36_000, "CNY")],
    "bo": [Money(61_250, "EUR")],
    "priya": [Money(42_300, "EUR")],
    "tomasz": [Money(18_075, "EUR")],
    "grace": [Money(230_000, "EUR")],
    "kofi": [Money(35_000, "EUR"), Money(12_000, "USD")],
    "chloe": [Money(57_900, "EUR")],
    "karim": [Money(23_400, "EUR")],
    "mei": [Money(320_000, "CNY")],
    "wei": [Money(88_800, "CNY")],
    "guohua": [Money(1_000_000, "CNY")],
    "lan": [Money(640_000, "CNY")],
    "fang": [Money(150_000, "CNY")],
}


@dataclass(frozen=True)
class Sent:
    """``end``: what became of it; "" where nobody has answered yet."""

    payer: str
    payee: str
    amount: Money
    note: str
    end: str = "accept"


TRANSFERS = [
    Sent("bo", "ada", Money(1_850, "EUR"), "cinema and popcorn"),
    Sent("ada", "priya", Money(4_200, "EUR"), "electricity, October"),
    Sent("tomasz", "priya", Money(4_200, "EUR"), "electricity, October"),
    # Came back: she would not take it.
    Sent("ada", "grace", Money(5_000, "EUR"), "for the cake", end="decline"),
    # Was taken back, to the wrong person.
    Sent("kofi", "ada", Money(2_500, "EUR"), "train tickets", end="cancel"),
    Sent("grace", "ada", Money(10_000, "EUR"), "Buy yourself something warm", end=""),
    Sent("karim", "chloe", Money(1_290, "EUR"), "le ravito de dimanche"),
    Sent("chloe", "karim", Money(2_000, "EUR"), "essence", end=""),
    Sent("mei", "wei", Money(6_800, "CNY"), "昨晚的面"),
    Sent("lan", "mei", Money(20_000, "CNY"), "买点水果", end="decline"),
]


@dataclass(frozen=True)
class Packet:
    sender: str
    group: str
    total: Money
    parts: int
    greeting: str
    opened_by: tuple[str, ...]


PACKETS = [
    Packet("guohua", "一家三口", Money(18_800, "CNY"), 2, "平安健康", ("lan", "mei")),
    Packet("tomasz", "Flat 4B", Money(1_500, "EUR"), 2, "Thank you for the bins!", ("priya",)),
    Packet("wei", "深夜觅食小分队", Money(6_666, "CNY"), 4, "下次还来", ("mei",)),
]


@dataclass(frozen=True)
class Bill:
    """Paid by one of a group, asked of all of them in equal shares."""

    initiator: str
    group: str
    total: Money
    note: str
    paid_by: tuple[str, ...]


BILLS = [Bill("tomasz", "Flat 4B", Money(9_300, "EUR"), "electricity, November", ("priya",))]
#: Who asks whom for money, and has no answer yet.
REQUESTS = [("priya", "ada", Money(1_150, "EUR"), "Gerald's new pot")]
#: What was bought from the noodle shop, and how much of it was given back.
NOODLES = [("mei", "counter-1", Money(3_800, "CNY"), 0), ("wei", "counter-2", Money(7_600, "CNY"), 3_800)]
SHOP = "周家面馆"


def seed() -> bool:
    """Make what is missing. Returns whether anything was."""
    ids = dict(HandleDirectory.objects.values_list("handle", "user_id"))
    # One after the other: whoever stops this half way finds the rest at the next run.
    made = [_open(ids, handle, money) for handle, amounts in OPENING.items() for money in amounts]
    made += [_choose_pin(ids[handle]) for handle in OPENING]
    made += [_send(ids, sent) for sent in TRANSFERS]
    made += [_give(ids, packet) for packet in PACKETS]
    made += [_share(ids, bill) for bill in BILLS]
    made += [_ask(ids[one], ids[other], amount, note) for one, other, amount, note in REQUESTS]
    made += [_buy(ids[buyer], reference, money, back) for buyer, reference, money, back in NOODLES]
    return any(made)


def _open(ids: Ids, handle: str, money: Money) -> bool:
    reference = f"demo:{handle}"
    if Entry.objects.filter(reference=reference, purpose="payments.opening", step=money.currency).exists():
        return False
    with transaction.atomic():
        ledger.transfer(
            debit_account_id=ledger.house_account("world", money.currency, "opening"),
            credit_account_id=wallet_accounts(user_ids=[ids[handle]], currency=money.currency)[ids[handle]],
            amount_minor=money.amount_minor,
            currency=money.currency,
            purpose="payments.opening",
            reference=reference,
            step=money.currency,
        )
    return True


def _choose_pin(user_id: int) -> bool:
    if Wallet.objects.filter(user_id=user_id).exists():
        return False
    # As on a device that has just signed in.
    payments.set_pin(user_id=user_id, pin=DEMO_PIN, device_id=new_id())
    return True


def _send(ids: Ids, sent: Sent) -> bool:
    payer_id, payee_id = ids[sent.payer], ids[sent.payee]
    key = _key("transfer", sent.payer, sent.payee, sent.note)
    transfer = Transfer.objects.filter(payer_id=payer_id, idempotency_key=key).first()
    if transfer is not None and (transfer.state != Transfer.State.PENDING or not sent.end):
        return False
    if not _are_friends(payer_id, payee_id):
        return False
    if transfer is None:
        transfer = _approved(
            payer_id,
            lambda approval: payments.create_transfer(
                payer_id=payer_id,
                payee_id=payee_id,
                amount_minor=sent.amount.amount_minor,
                currency=sent.amount.currency,
                note=sent.note,
                idempotency_key=key,
                approval=approval,
            ),
        )
    match sent.end:
        case "accept":
            payments.accept_transfer(actor_id=payee_id, transfer_id=transfer.id)
        case "decline":
            payments.decline_transfer(actor_id=payee_id, transfer_id=transfer.id)
        case "cancel":
            payments.cancel_transfer(actor_id=payer_id, transfer_id=transfer.id)
    return True


def _give(ids: Ids, packet: Packet) -> bool:
    sender_id, key = ids[packet.sender], _key("packet", packet.sender, packet.group)
    group = _group(packet.group)
    if group is None or RedPacket.objects.filter(sender_id=sender_id, idempotency_key=key).exists():
        return False
    given = _approved(
        sender_id,
        lambda approval: payments.send_red_packet(
            sender_id=sender_id,
            conversation_id=group.id,
            kind=RedPacket.Kind.RANDOM,
            total_minor=packet.total.amount_minor,
            currency=packet.total.currency,
            parts=packet.parts,
            greeting=packet.greeting,
            idempotency_key=key,
            approval=approval,
        ),
    )
    for handle in packet.opened_by:
        payments.open_red_packet(actor_id=ids[handle], packet_id=given.id)
    return True


def _share(ids: Ids, bill: Bill) -> bool:
    initiator_id, key = ids[bill.initiator], _key("bill", bill.group, bill.note)
    group = _group(bill.group)
    if group is None or Split.objects.filter(initiator_id=initiator_id, idempotency_key=key).exists():
        return False
    members = Membership.objects.filter(conversation_id=group.id, left_seq=None).order_by("user_id")
    split = payments.split_bill(
        initiator_id=initiator_id,
        conversation_id=group.id,
        total=bill.total,
        participant_ids=list(members.values_list("user_id", flat=True)),
        note=bill.note,
        idempotency_key=key,
    )
    for handle in bill.paid_by:
        pay = partial(
            payments.pay_share,
            payer_id=ids[handle],
            split_id=split.id,
            idempotency_key=_key("share", handle, bill.note),
        )
        _approved(ids[handle], pay)
    return True


def _ask(requester_id: int, payer_id: int, amount: Money, note: str) -> bool:
    key = _key("request", note)
    known = MoneyRequest.objects.filter(requester_id=requester_id, idempotency_key=key)
    if known.exists() or not _are_friends(requester_id, payer_id):
        return False
    payments.request_money(
        requester_id=requester_id,
        payer_id=payer_id,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        note=note,
        idempotency_key=key,
    )
    return True


def _buy(buyer_id: int, reference: str, money: Money, given_back: int) -> bool:
    shop = Organisation.objects.filter(kind="merchant", name=SHOP).first()
    if shop is None or Payment.objects.filter(purpose=PURPOSE, reference=reference).exists():
        return False
    payment = _approved(
        buyer_id,
        lambda approval: payments.pay(
            payer_id=buyer_id,
            legs=[payments.Leg(to=payments.Party.merchant(shop.id), amount_minor=money.amount_minor)],
            currency=money.currency,
            purpose=PURPOSE,
            reference=reference,
            approval=approval,
        ),
    )
    if given_back:
        payments.refund(payment_id=payment.id, amount_minor=given_back, step="refund:1", reason="少了一碗")
    return True


def _approved(payer_id: int, pay: Callable[..., Made]) -> Made:
    """As a phone does: asked for the PIN, it gets an approval with it and asks again."""
    try:
        return pay(approval=None)
    except ApprovalRequired as asked:
        payment = asked.details
    amount = Money(payment["amount"]["amount"], payment["amount"]["currency"])
    issued = payments.issue_approval(
        user_id=payer_id, pin=DEMO_PIN, kind=payment["kind"], payee=payment["payee"], amount=amount
    )
    return pay(approval=issued.approval)


def _group(title: str) -> Conversation | None:
    return Conversation.objects.filter(kind="group", title=title).order_by("id").first()


def _are_friends(one: int, other: int) -> bool:
    return DirectPair.objects.filter(lo=min(one, other), hi=max(one, other)).exists()


def _key(*names: str) -> UUID:
    return client_id("money", *names)
