"""Wallets: whether their people may pay, and how much."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from payments import selectors, services
from payments.admin.people import NamesPeople, find_person, staff_id
from payments.errors import OwnWallet
from payments.ledger import selectors as ledger
from payments.ledger.models import Account
from payments.models import Wallet
from superapp.accounts import selectors as accounts
from superapp.core.admin import ReasonForm, confirmation_page, list_action, write_action
from superapp.core.admin.shown import NOTHING, link, moment, money, table


class TierForm(ReasonForm):
    tier = forms.ChoiceField(label=_("Tier"), choices=Wallet.Tier.choices, widget=UnfoldAdminSelectWidget)
    field_order = ("tier", "reason")


class FreezeForm(ReasonForm):
    person = forms.CharField(
        label=_("Person"),
        help_text=_("An id, a phone number with its + or a handle, each in full."),
        max_length=60,
        widget=UnfoldAdminTextInputWidget,
    )
    field_order = ("person", "reason")

    def clean_person(self) -> Any:
        found = find_person(self.cleaned_data["person"])
        if found is None:
            raise forms.ValidationError(_("Nobody is known under that."))
        return found


class FrozenFilter(admin.SimpleListFilter):
    """By what the index of frozen wallets knows."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("frozen", _("Frozen"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Wallet]") -> "QuerySet[Wallet]":
        return queryset.filter(frozen_at__isnull=False) if self.value() == "frozen" else queryset


@admin.register(Wallet)
class WalletAdmin(NamesPeople):
    """One for each person who has a PIN or was frozen, whatever the currencies."""

    list_display = ("user_id", "person_shown", "state", "tier_shown", "pin", "created")
    list_filter = (FrozenFilter,)
    search_fields = ("pk",)
    search_help_text = _("A person's id, phone number with its + or handle, each in full.")
    is_sensitive = True
    people_fields = ("user_id",)
    hidden_fields = frozenset({"pin_hash"})
    shown = ("person_shown", "state_in_words", "frozen", "tier_shown", "pin", "money", "limits", "corrections")
    readonly_fields = (*shown, "wrong_pins", "locks", "lowered", "created")
    actions_list = ("freeze_somebody",)
    actions_detail = ("freeze", "unfreeze", "unlock_pin", "change_tier")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if found := accounts.user_ids_named(search_term):
            return queryset.filter(pk__in=found), False
        return super().get_search_results(request, queryset, search_term)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Without what the wallet's state rules out; the services refuse or ignore that in any case."""
        one = self.get_object(request, str(object_id))
        if one is None:
            return []
        ruled_out = {"unfreeze" if one.frozen_at is None else "freeze"}
        if not _is_locked(one):
            ruled_out.add("unlock_pin")
        if one.frozen_by == Wallet.FrozenBy.OWNER:
            # What its owner froze staff may freeze as well: then only they can lift it.
            ruled_out.discard("freeze")
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return [action for action in found if not action.action_name.endswith(tuple(f"_{name}" for name in ruled_out))]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if (one := kwargs.get("obj")) is not None:
            one.may_correct = request.user.has_perm("payments.propose_adjustment")
            one.may_see_corrections = request.user.has_perm("payments.view_adjustment")
        return super().render_change_form(request, context, *args, **kwargs)

    # --- What is shown ------------------------------------------------------------------------------------------------

    @display(description=_("person"))
    def person_shown(self, one: Wallet) -> Any:
        return self.person(one, "user_id")

    @display(description=_("state"), label={"open": "success", "frozen": "danger", "locked": "warning"})
    def state(self, one: Wallet) -> tuple[str, Any]:
        if one.frozen_at is not None:
            return "frozen", _("frozen")
        return ("locked", _("PIN locked")) if _is_locked(one) else ("open", _("open"))

    @display(description=_("state"))
    def state_in_words(self, one: Wallet) -> Any:
        _name, words = self.state(one)
        return words

    @display(description=_("frozen"))
    def frozen(self, one: Wallet) -> Any:
        if one.frozen_at is None:
            return NOTHING
        return format_html(
            "{} · {} · {}", moment(one.frozen_at), one.get_frozen_by_display(), one.frozen_reason or NOTHING
        )

    @display(description=_("tier"))
    def tier_shown(self, one: Wallet) -> Any:
        return one.get_tier_display()

    @display(description=_("PIN"))
    def pin(self, one: Wallet) -> Any:
        if one.pin_set_at is None:
            return _("no PIN")
        if one.pin_locked_until is not None and _is_locked(one):
            return format_html("{} {}", _("locked until"), moment(one.pin_locked_until))
        if one.reset_ends_at is not None and one.reset_ends_at > timezone.now():
            return format_html("{} {}", _("reset begun"), moment(one.reset_begun_at))
        return _("there is one")

    @display(description=_("wrong PINs"))
    def wrong_pins(self, one: Wallet) -> int:
        return one.pin_failures

    @display(description=_("locks in a row"))
    def locks(self, one: Wallet) -> int:
        return one.pin_locks

    @display(description=_("limits lowered until"))
    def lowered(self, one: Wallet) -> Any:
        return moment(one.lowered_until)

    @display(description=_("since"))
    def created(self, one: Wallet) -> Any:
        return moment(one.created_at)

    @display(description=_("money"))
    def money(self, one: Wallet) -> Any:
        rows = ledger.accounts_of(owner_ids=[one.user_id], kind=Account.Kind.WALLET)
        return table(
            _("money"),
            (_("currency"), _("balance"), _("held"), _("state"), _("account")),
            (
                (
                    account.currency,
                    money(account.balance_minor, account.currency),
                    money(account.held_minor, account.currency),
                    account.get_status_display(),
                    link("ledger.account", account.id),
                )
                for account in rows
            ),
            figures=[1, 2],
        )

    @display(description=_("limits used"))
    def limits(self, one: Wallet) -> Any:
        rows = selectors.wallet_security(one.user_id)["limits"]
        return table(
            _("limits used"),
            (_("currency"), _("at once"), _("today"), _("this year")),
            (
                (row["currency"], row["per_payment"].shown(), *(_used(row[period]) for period in ("day", "year")))
                for row in rows
            ),
            figures=[1, 2, 3],
        )

    @display(description=_("corrections"))
    def corrections(self, one: Any) -> Any:
        """The way to those there were, and to a new one for those who may."""
        rows = reverse("admin:payments_adjustment_changelist")
        ways = []
        if one.may_see_corrections:
            ways.append((f"{rows}?q={one.user_id}", _("Show them")))
        if one.may_correct:
            ways.append((f"{rows}propose/?person={one.user_id}", _("Correct this wallet")))
        return NOTHING if not ways else format_html_join(" · ", '<a class="sa-link" href="{}">{}</a>', ways)

    # --- What can be done ---------------------------------------------------------------------------------------------

    @list_action(description=_("Freeze a wallet"), permission="payments.freeze_somebody_wallet")
    def freeze_somebody(self, request: HttpRequest) -> HttpResponse:
        """Also of somebody who never had a PIN, and so has no row here yet."""
        form = FreezeForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            user_id = form.cleaned_data["person"].id
            if user_id != request.user.pk:
                services.freeze_wallet(user_id=user_id, actor_id=staff_id(request), reason=form.cleaned_data["reason"])
                return HttpResponseRedirect(reverse("admin:payments_wallet_change", args=[user_id]))
            form.add_error("person", str(OwnWallet.message))
        back = reverse("admin:payments_wallet_changelist")
        title = _("Freeze a wallet")
        return confirmation_page(self, request, title=title, form=form, back=back, is_dangerous=True)

    @write_action(description=_("Freeze"), permission="payments.freeze_wallet", audited=None, is_dangerous=True)
    def freeze(self, request: HttpRequest, one: Wallet, data: dict[str, Any]) -> None:
        services.freeze_wallet(user_id=one.user_id, actor_id=_as_staff(request, one), reason=data["reason"])

    @write_action(description=_("Lift the freeze"), permission="payments.unfreeze_wallet", audited=None)
    def unfreeze(self, request: HttpRequest, one: Wallet, data: dict[str, Any]) -> None:
        services.unfreeze_wallet(user_id=one.user_id, actor_id=_as_staff(request, one), reason=data["reason"])

    @write_action(description=_("Unlock PIN"), permission="payments.unlock_pin_wallet", audited=None)
    def unlock_pin(self, request: HttpRequest, one: Wallet, data: dict[str, Any]) -> None:
        services.unlock_pin(user_id=one.user_id, actor_id=_as_staff(request, one), reason=data["reason"])

    @write_action(description=_("Change tier"), permission="payments.change_tier_wallet", audited=None, form=TierForm)
    def change_tier(self, request: HttpRequest, one: Wallet, data: dict[str, Any]) -> None:
        actor_id = _as_staff(request, one)
        services.set_tier(user_id=one.user_id, tier=data["tier"], actor_id=actor_id, reason=data["reason"])


def _is_locked(one: Wallet) -> bool:
    return one.pin_locked_until is not None and one.pin_locked_until > timezone.now()


def _as_staff(request: HttpRequest, one: Wallet) -> int:
    """Raises ``OwnWallet``: nobody lifts their own limits."""
    if one.user_id == request.user.pk:
        raise OwnWallet
    return staff_id(request)


def _used(period: dict[str, Any]) -> str:
    return f"{period['used'].shown()} / {period['limit'].shown()}"
