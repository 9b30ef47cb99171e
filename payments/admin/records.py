"""What people and products did with money: shown, found, and never changed. What people wrote to it is theirs."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from payments.admin.people import NamesPeople
from payments.ledger.models import Entry
from payments.models import MoneyRequest, Payment, PaymentLeg, RedPacket, Refund, Split, Transfer
from superapp.core.admin.shown import NOTHING, link, moment, money, table

SHOWN_ENTRIES, SHOWN_CLAIMS, SHOWN_REFUNDS = 20, 100, 50


class WaitingFilter(admin.SimpleListFilter):
    """By what an index knows: of all there were, the few that have not ended."""

    title = _("state")
    parameter_name = "state"
    #: The state in which a row waits.
    waiting = "pending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(self.waiting, _("Waiting"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(state=self.waiting) if self.value() == self.waiting else queryset


class OpenFilter(WaitingFilter):
    waiting = "open"


class RecordAdmin(NamesPeople):
    is_sensitive = True
    #: What the ledger was told of such rows; None: each row says it.
    purpose: str | None = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("amount"))
    def amount(self, one: Any) -> str:
        return money(one.amount_minor, one.currency)

    @display(description=_("made"))
    def made(self, one: Any) -> Any:
        return moment(one.created_at)

    @display(description=_("expires"))
    def expires(self, one: Any) -> Any:
        return moment(one.expires_at)

    @display(description=_("state"))
    def state_in_words(self, one: Any) -> Any:
        return one.get_state_display()

    @display(description=_("in the ledger"))
    def entries(self, one: Any) -> Any:
        """All that moved for it, oldest first."""
        return _entries(self.purpose or one.purpose, str(one.pk) if self.purpose else one.reference)


def _entries(purpose: str, reference: str) -> Any:
    rows = Entry.objects.filter(reference=reference, purpose=purpose).order_by("id")[:SHOWN_ENTRIES]
    return table(
        _("in the ledger"),
        (_("entry"), _("step"), _("made")),
        ((link("ledger.entry", one.id), one.step, moment(one.created_at)) for one in rows),
    )


@admin.register(Transfer)
class TransferAdmin(RecordAdmin):
    purpose = "payments.transfer"
    list_display = ("id", "state_shown", "amount", "payer", "payee", "kind", "made")
    list_filter = (WaitingFilter,)
    search_fields = ("pk", "payer_id", "payee_id")
    search_help_text = _("The id of a transfer, or of whoever paid or was paid.")
    people_fields = ("payer_id", "payee_id")
    readonly_fields = (
        "state_in_words", "amount", "payer", "payee", "kind", "entries", "made", "expires", "ended", "id"
    )  # fmt: skip

    @display(
        description=_("state"),
        label={
            "pending": "info",
            "accepted": "success",
            "declined": "warning",
            "cancelled": "default",
            "returned": "default",
        },
    )
    def state_shown(self, one: Transfer) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("from"))
    def payer(self, one: Transfer) -> Any:
        return self.person(one, "payer_id")

    @display(description=_("to"))
    def payee(self, one: Transfer) -> Any:
        return self.person(one, "payee_id")

    @display(description=_("ended"))
    def ended(self, one: Transfer) -> Any:
        return moment(one.ended_at)


@admin.register(MoneyRequest)
class MoneyRequestAdmin(RecordAdmin):
    purpose = "payments.request"
    list_display = ("id", "state_shown", "amount", "requester", "payer", "made")
    list_filter = (WaitingFilter,)
    search_fields = ("pk", "requester_id", "payer_id")
    search_help_text = _("The id of a request, or of whoever asked or was asked.")
    people_fields = ("requester_id", "payer_id")
    readonly_fields = (
        "state_in_words", "amount", "requester", "payer", "entries", "made", "expires", "ended", "id"
    )  # fmt: skip

    @display(
        description=_("state"),
        label={
            "pending": "info",
            "paid": "success",
            "declined": "warning",
            "cancelled": "default",
            "expired": "default",
        },
    )
    def state_shown(self, one: MoneyRequest) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("asked by"))
    def requester(self, one: MoneyRequest) -> Any:
        return self.person(one, "requester_id")

    @display(description=_("asked to pay"))
    def payer(self, one: MoneyRequest) -> Any:
        return self.person(one, "payer_id")

    @display(description=_("ended"))
    def ended(self, one: MoneyRequest) -> Any:
        return moment(one.ended_at)


@admin.register(Split)
class SplitAdmin(RecordAdmin):
    list_display = ("id", "state_shown", "amount", "initiator", "paid", "made")
    search_fields = ("pk", "initiator_id")
    search_help_text = _("The id of a split bill or of who split it.")
    people_fields = ("initiator_id",)
    readonly_fields = ("state_in_words", "amount", "initiator", "paid", "shares", "made", "ended", "id")

    @display(description=_("state"), label={"open": "info", "completed": "success", "closed": "default"})
    def state_shown(self, one: Split) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("amount"))
    def amount(self, one: Split) -> str:
        return money(one.total_minor, one.currency)

    @display(description=_("split by"))
    def initiator(self, one: Split) -> Any:
        return self.person(one, "initiator_id")

    @display(description=_("paid shares"))
    def paid(self, one: Split) -> str:
        return f"{one.paid_count} / {one.share_count}"

    @display(description=_("ended"))
    def ended(self, one: Split) -> Any:
        return moment(one.ended_at)

    @display(description=_("shares"))
    def shares(self, one: Split) -> Any:
        """Each is what the ledger was told of; the initiator's own moved nothing."""
        shares = list(one.shares.order_by("id")[:SHOWN_CLAIMS])
        references = [str(share.id) for share in shares]
        entries = dict(
            Entry.objects.filter(reference__in=references, purpose="payments.split").values_list("reference", "id")
        )
        return table(
            _("shares"),
            (_("amount"), _("person"), _("paid"), _("entry")),
            (
                (
                    money(share.amount_minor, one.currency),
                    link("accounts.user", share.user_id),
                    moment(share.paid_at),
                    link("ledger.entry", entries[str(share.id)]) if str(share.id) in entries else NOTHING,
                )
                for share in shares
            ),
            figures=[0],
        )


@admin.register(RedPacket)
class RedPacketAdmin(RecordAdmin):
    purpose = "payments.red_packet"
    list_display = ("id", "state_shown", "amount", "sender", "kind", "opened", "made")
    list_filter = (OpenFilter,)
    search_fields = ("pk", "sender_id")
    search_help_text = _("The id of a red packet or of its sender.")
    people_fields = ("sender_id",)
    readonly_fields = (
        "state_in_words", "amount", "sender", "kind", "opened", "opened_amount", "claims", "entries", "made", "expires",
        "ended", "id",
    )  # fmt: skip

    @display(description=_("state"), label={"open": "info", "finished": "success", "expired": "default"})
    def state_shown(self, one: RedPacket) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("amount"))
    def amount(self, one: RedPacket) -> str:
        return money(one.total_minor, one.currency)

    @display(description=_("from"))
    def sender(self, one: RedPacket) -> Any:
        return self.person(one, "sender_id")

    @display(description=_("opened parts"))
    def opened(self, one: RedPacket) -> str:
        return f"{one.taken} / {one.parts}"

    @display(description=_("opened amount"))
    def opened_amount(self, one: RedPacket) -> str:
        return money(one.claimed_minor, one.currency)

    @display(description=_("ended"))
    def ended(self, one: RedPacket) -> Any:
        return moment(one.closed_at)

    @display(description=_("opened by"))
    def claims(self, one: RedPacket) -> Any:
        return table(
            _("opened by"),
            (_("part"), _("amount"), _("person"), _("made")),
            (
                (
                    claim.part,
                    money(claim.amount_minor, one.currency),
                    link("accounts.user", claim.user_id),
                    moment(claim.created_at),
                )
                for claim in one.claims.order_by("part")[:SHOWN_CLAIMS]
            ),
            figures=[0, 1],
        )


@admin.register(Payment)
class PaymentAdmin(RecordAdmin):
    list_display = ("id", "purpose", "reference", "step", "amount", "refunded", "payer", "made")
    search_fields = ("pk", "reference", "payer_id")
    search_help_text = _("The id of a payment or of who paid; a reference; or purpose and reference: taxi.fare:123.")
    people_fields = ("payer_id",)
    readonly_fields = (
        "amount", "refunded", "payer", "purpose", "reference", "step", "legs", "refunds", "entries", "made", "id"
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        purpose, colon, reference = search_term.strip().partition(":")
        if colon:
            return queryset.filter(purpose=purpose.strip(), reference=reference.strip()), False
        return super().get_search_results(request, queryset, search_term)

    @display(description=_("refunded"))
    def refunded(self, one: Payment) -> str:
        return money(one.refunded_minor, one.currency) if one.refunded_minor else NOTHING

    @display(description=_("from"))
    def payer(self, one: Payment) -> Any:
        return _("escrow") if one.payer_id is None else self.person(one, "payer_id")

    @display(description=_("legs"))
    def legs(self, one: Payment) -> Any:
        return table(
            _("legs"),
            (_("amount"), _("refunded"), _("to"), _("account")),
            (
                (
                    money(leg.amount_minor, one.currency),
                    money(leg.refunded_minor, one.currency),
                    _party(leg),
                    link("ledger.account", leg.account_id),
                )
                for leg in one.legs.order_by("number")
            ),
            figures=[0, 1],
        )

    @display(description=_("refunds"))
    def refunds(self, one: Payment) -> Any:
        return table(
            _("refunds"),
            (_("amount"), _("refund"), _("reason"), _("made")),
            (
                (
                    money(refund.amount_minor, one.currency),
                    link("payments.refund", refund.id),
                    refund.reason or NOTHING,
                    moment(refund.created_at),
                )
                for refund in one.refunds.order_by("id")[:SHOWN_REFUNDS]
            ),
            figures=[0],
        )


def _party(leg: PaymentLeg) -> Any:
    pages = {PaymentLeg.Party.USER.value: "accounts.user", PaymentLeg.Party.MERCHANT.value: "accounts.organisation"}
    page = pages.get(leg.party_kind)
    return link(page, leg.party_id) if page else leg.get_party_kind_display()


@admin.register(Refund)
class RefundAdmin(RecordAdmin):
    list_display = ("id", "amount", "payment_shown", "step", "reason", "made")
    list_select_related = ("payment",)
    search_fields = ("pk", "payment")
    search_help_text = _("The id of a refund or of its payment.")
    readonly_fields = ("amount", "payment_shown", "step", "reason", "entry_shown", "made", "id")

    @display(description=_("amount"))
    def amount(self, one: Refund) -> str:
        return money(one.amount_minor, one.payment.currency)

    @display(description=_("payment"))
    def payment_shown(self, one: Refund) -> Any:
        return link("payments.payment", one.payment_id)

    @display(description=_("entry"))
    def entry_shown(self, one: Refund) -> Any:
        return link("ledger.entry", one.entry_id)
