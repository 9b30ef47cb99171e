"""Corrections: proposed by one of the staff, and approved by another where it is about much."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from payments import selectors, services
from payments.admin.people import NamesPeople, find_person, staff_id
from payments.models import Adjustment
from superapp.core.admin import ReasonForm, list_action, write_action
from superapp.core.admin.shown import NOTHING, link, moment, money
from superapp.core.errors import DomainError
from superapp.core.figures import Figure
from superapp.core.figures import register as register_figure
from superapp.core.money import CURRENCIES, MAX_AMOUNT_MINOR

#: On the first page, beyond which it says no more than that there are more.
MOST_SHOWN = 1_000


class ProposeForm(ReasonForm):
    person = forms.CharField(
        label=_("Person"),
        help_text=_("An id, a phone number with its + or a handle, each in full."),
        max_length=60,
        widget=UnfoldAdminTextInputWidget,
    )
    direction = forms.ChoiceField(
        label=_("What is done"),
        choices=[("give", _("Give money")), ("take", _("Take money back"))],
        widget=UnfoldAdminSelectWidget,
    )
    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal(0), max_digits=16, widget=UnfoldAdminDecimalFieldWidget
    )
    currency = forms.ChoiceField(label=_("Currency"), widget=UnfoldAdminSelectWidget)
    public_text = forms.CharField(
        label=_("Text for the person"),
        help_text=_("They read it in a notice and in their statement."),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    reference = forms.CharField(
        label=_("Reference"),
        help_text=_("What else is known of it, such as the number of a letter."),
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    # Made with the form: the same form sent twice is one correction.
    key = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ("person", "direction", "amount", "currency", "public_text", "reason", "reference", "key")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(name, name) for name in settings.WALLET_CURRENCIES]  # type: ignore[attr-defined]
        self.fields["currency"].initial = settings.WALLET_CURRENCIES[0]

    def clean_person(self) -> Any:
        found = find_person(self.cleaned_data["person"])
        if found is None:
            raise forms.ValidationError(_("Nobody is known under that."))
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if {"amount", "currency"} <= data.keys():
            minor = data["amount"].scaleb(CURRENCIES[data["currency"]].exponent)
            if minor != int(minor) or not 1 <= minor <= MAX_AMOUNT_MINOR:
                self.add_error("amount", _("This is no amount that can be moved."))
            data["amount_minor"] = int(minor) if data.get("direction") == "give" else -int(minor)
        return data


class QueueFilter(admin.SimpleListFilter):
    """What waits for a second person, unless somebody asks for the others."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*((value, label) for value, label in Adjustment.State.choices), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or Adjustment.State.WAITING) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Adjustment]") -> "QuerySet[Adjustment]":
        wanted = self.value() or (Adjustment.State.WAITING if "q" not in request.GET else "all")
        return queryset if wanted == "all" else queryset.filter(state=wanted)


@admin.register(Adjustment)
class AdjustmentAdmin(NamesPeople):
    list_display = ("id", "amount", "person_shown", "state_shown", "proposer", "proposed", "expires")
    list_filter = (QueueFilter,)
    search_fields = ("pk", "user_id")
    search_help_text = _("The id of a correction or of a person.")
    is_sensitive = True
    people_fields = ("user_id", "proposed_by_id", "decided_by_id")
    shown = ("amount", "person_shown", "available", "state_in_words", "reason", "reference", "public_text")
    shown_below = ("proposer", "proposed", "expires", "decider", "decided", "decision_reason", "entry", "id")
    readonly_fields = (*shown, *shown_below)
    actions_list = ("propose",)
    actions_detail = ("approve", "refuse")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Without what is no longer possible, or never was for this person; the services refuse that in any case."""
        one = self.get_object(request, str(object_id))
        if one is None or one.state != Adjustment.State.WAITING:
            return []
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        if request.user.pk in {one.proposed_by_id, one.user_id}:
            return [action for action in found if not action.action_name.endswith("approve")]
        return found

    @display(description=_("amount"))
    def amount(self, one: Adjustment) -> str:
        sign = "+" if one.amount_minor > 0 else ""
        return sign + money(one.amount_minor, one.currency)

    @display(description=_("person"))
    def person_shown(self, one: Adjustment) -> Any:
        return self.person(one, "user_id")

    @display(description=_("available now"))
    def available(self, one: Adjustment) -> str:
        return money(selectors.free_in_wallet(user_id=one.user_id, currency=one.currency), one.currency)

    @display(
        description=_("state"),
        label={"waiting": "warning", "done": "success", "refused": "danger", "expired": "default"},
    )
    def state_shown(self, one: Adjustment) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("state"))
    def state_in_words(self, one: Adjustment) -> Any:
        return one.get_state_display()

    @display(description=_("proposed by"))
    def proposer(self, one: Adjustment) -> Any:
        return self.person(one, "proposed_by_id")

    @display(description=_("proposed"))
    def proposed(self, one: Adjustment) -> Any:
        return moment(one.proposed_at)

    @display(description=_("expires"))
    def expires(self, one: Adjustment) -> Any:
        return moment(one.expires_at) if one.state == Adjustment.State.WAITING else NOTHING

    @display(description=_("decided by"))
    def decider(self, one: Adjustment) -> Any:
        if one.state == Adjustment.State.DONE and not one.needs_second:
            return _("needed nobody else")
        return self.person(one, "decided_by_id")

    @display(description=_("decided"))
    def decided(self, one: Adjustment) -> Any:
        return moment(one.decided_at)

    @display(description=_("entry"))
    def entry(self, one: Adjustment) -> Any:
        return NOTHING if one.entry_id is None else link("ledger.entry", one.entry_id)

    @list_action(description=_("Correct a wallet"), permission="payments.propose_adjustment")
    def propose(self, request: HttpRequest) -> HttpResponse:
        """A form; then what it would do, in words and with the names; then it is done."""
        initial = {"person": request.GET.get("person", ""), "key": uuid4()}
        form = ProposeForm(request.POST if request.method == "POST" else None, initial=initial)
        is_complete = request.method == "POST" and form.is_valid() and "edit" not in request.POST
        if is_complete and "confirmed" in request.POST:
            try:
                adjustment = self._propose(request, form.cleaned_data)
            except DomainError as refusal:
                form.add_error(None, str(refusal.text))
                is_complete = False
            else:
                messages.success(request, _outcome(adjustment))
                return HttpResponseRedirect(reverse("admin:payments_adjustment_change", args=[adjustment.pk]))
        facts = self._facts(form.cleaned_data) if is_complete else None
        context = self.admin_site.each_context(request) | {
            "title": _("Correct a wallet"),
            "opts": self.opts,
            "media": self.media + form.media,
            "form": form,
            "facts": facts,
            "deed": _deed(form.cleaned_data) if facts else "",
            "back": reverse("admin:payments_adjustment_changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/payments/propose_adjustment.html", context)

    def _propose(self, request: HttpRequest, data: dict[str, Any]) -> Adjustment:
        return services.propose_adjustment(
            actor_id=staff_id(request),
            user_id=data["person"].id,
            amount_minor=data["amount_minor"],
            currency=data["currency"],
            reason=data["reason"],
            reference=data["reference"],
            public_text=data["public_text"],
            idempotency_key=data["key"],
        )

    def _facts(self, data: dict[str, Any]) -> list[tuple[Any, Any]]:
        user, amount, currency = data["person"], data["amount_minor"], data["currency"]
        at_once, _in_a_day = settings.ADJUSTMENT_ALONE.get(currency, (0, 0))
        available = selectors.free_in_wallet(user_id=user.id, currency=currency)
        return [
            (_("Person"), f"{user.shown_name} ({'@' + user.handle if user.handle else user.id})"),
            (_("Give money") if amount > 0 else _("Take money back"), money(abs(amount), currency)),
            (_("Available now"), money(available, currency)),
            (_("Text for the person"), data["public_text"] or NOTHING),
            (_("Reason"), data["reason"]),
            (
                _("Approval"),
                _("Somebody else has to approve it.")
                if abs(amount) > at_once
                else _("None, unless you have moved much today."),
            ),
        ]

    @write_action(description=_("Approve"), permission="payments.approve_adjustment", audited=None)
    def approve(self, request: HttpRequest, one: Adjustment, data: dict[str, Any]) -> None:
        services.approve_adjustment(adjustment_id=one.id, actor_id=staff_id(request), reason=data["reason"])

    @write_action(description=_("Refuse"), permission="payments.refuse_adjustment", audited=None, is_dangerous=True)
    def refuse(self, request: HttpRequest, one: Adjustment, data: dict[str, Any]) -> None:
        services.refuse_adjustment(adjustment_id=one.id, actor_id=staff_id(request), reason=data["reason"])


def _waiting() -> Figure:
    found = Adjustment.objects.filter(state=Adjustment.State.WAITING)[: MOST_SHOWN + 1].count()
    return Figure(
        _("Corrections"),
        f"{MOST_SHOWN:,}+" if found > MOST_SHOWN else f"{found:,}",
        _("wait for a second person"),
        link=reverse("admin:payments_adjustment_changelist"),
    )


register_figure("payments.approve_adjustment", _waiting)


def _deed(data: dict[str, Any]) -> str:
    """What the button says that does it."""
    amount = money(abs(data["amount_minor"]), data["currency"])
    text = gettext("Give %(amount)s") if data["amount_minor"] > 0 else gettext("Take back %(amount)s")
    return text % {"amount": amount}


def _outcome(one: Adjustment) -> str:
    if one.state == Adjustment.State.DONE:
        return gettext("The wallet has been corrected.")
    return gettext("It waits until somebody else approves it.")
