"""The ledger to look at. Nothing here changes anything: not even the database would let it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from payments.ledger import selectors
from payments.ledger.check import say
from payments.ledger.models import Account, Check, Entry, Hold, Posting
from payments.ledger.registry import owner_pages
from superapp.core.admin import ReadOnlyAdmin
from superapp.core.admin.shown import NOTHING, link, moment, money, table

SHOWN_POSTINGS, SHOWN_HOLDS, SHOWN_RELATED = 50, 50, 20
_STATES = {"open": "success", "frozen": "warning", "closed": "default"}


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """What stands in an account, what is promised of it, and its last movements."""

    list_display = ("id", "kind_shown", "owner_shown", "name", "currency", "state", "balance", "held", "moved")
    list_filter = ("kind", "currency", "status")
    search_fields = ("pk", "owner")
    search_help_text = _("The id of an account, of a person or of an organisation.")
    is_sensitive = True
    shown = ("kind", "owner_shown", "name", "currency", "state_in_words", "balance", "held", "available", "unfolded")
    shown_below = ("holds", "postings", "posting_count", "limits", "moved", "opened", "id")
    readonly_fields = (*shown, *shown_below)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("kind"))
    def kind_shown(self, account: Account) -> Any:
        return account.get_kind_display()

    @display(description=_("owner"))
    def owner_shown(self, account: Account) -> Any:
        return owner_of(account)

    @display(description=_("state"), label=_STATES)
    def state(self, account: Account) -> tuple[str, Any]:
        return account.status, account.get_status_display()

    @display(description=_("state"))
    def state_in_words(self, account: Account) -> Any:
        return account.get_status_display()

    @display(description=_("balance"))
    def balance(self, account: Account) -> str:
        return money(account.balance_minor, account.currency)

    @display(description=_("held"))
    def held(self, account: Account) -> str:
        return money(account.held_minor, account.currency)

    @display(description=_("available"))
    def available(self, account: Account) -> str:
        return money(selectors.balance(account.id).available_minor, account.currency)

    @display(description=_("not folded in yet"))
    def unfolded(self, account: Account) -> str:
        """Of appended accounts: what has come or gone since a loop last counted."""
        if not account.is_appended:
            return NOTHING
        return money(selectors.balance(account.id).balance_minor - account.balance_minor, account.currency)

    @display(description=_("postings"))
    def posting_count(self, account: Account) -> str:
        return f"{account.seq:,}"

    @display(description=_("last moved"))
    def moved(self, account: Account) -> Any:
        return moment(account.moved_at)

    @display(description=_("floor and ceiling"))
    def limits(self, account: Account) -> str:
        return " … ".join(money(limit, account.currency) for limit in (account.floor_minor, account.ceiling_minor))

    @display(description=_("opened"))
    def opened(self, account: Account) -> Any:
        return moment(account.created_at)

    @display(description=_("open holds"))
    def holds(self, account: Account) -> Any:
        rows = Hold.objects.filter(account_id=account.id, status=Hold.Status.OPEN).order_by("-id")[:SHOWN_HOLDS]
        return table(
            _("open holds"),
            (_("hold"), _("amount"), _("purpose"), _("reference"), _("expires")),
            (
                (
                    link("ledger.hold", one.id),
                    money(one.amount_minor, one.currency),
                    one.purpose,
                    one.reference,
                    moment(one.expires_at),
                )
                for one in rows
            ),
            figures=[1],
        )

    @display(description=_("last postings"))
    def postings(self, account: Account) -> Any:
        return table(
            _("last postings"),
            (_("number"), _("amount"), _("balance after"), _("came in"), _("entry"), _("purpose"), _("step")),
            (
                (
                    NOTHING if one.seq is None else one.seq,
                    money(one.amount_minor, one.currency),
                    money(one.balance_after_minor, one.currency),
                    moment(one.posted_at) if one.seq else _("not folded in yet"),
                    link("ledger.entry", one.entry_id),
                    one.entry.purpose,
                    one.entry.step,
                )
                for one in last_postings(account)
            ),
            figures=[0, 1, 2],
        )


def last_postings(account: Account) -> list[Posting]:
    """The newest first; what has no number yet is newer than all that have. Each half is read off its own index."""
    of_account = Posting.objects.filter(account_id=account.id).select_related("entry")
    waiting = of_account.filter(seq=None).order_by("-entry_id")[:SHOWN_POSTINGS] if account.is_appended else []
    numbered = of_account.filter(seq__isnull=False).order_by("-seq")[:SHOWN_POSTINGS]
    return [*waiting, *numbered][:SHOWN_POSTINGS]


def owner_of(account: Account) -> Any:
    page = owner_pages.get(account.kind)
    if not account.owner:
        return _("the house")
    return link(page, account.owner) if page else account.owner


class OfPurpose(ReadOnlyAdmin):
    """Finds by ``purpose:reference`` as well, which is what the ledger is told of each movement."""

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        purpose, colon, reference = search_term.strip().partition(":")
        if colon:
            return queryset.filter(purpose=purpose.strip(), reference=reference.strip()), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Entry)
class EntryAdmin(OfPurpose):
    """One movement with all its legs."""

    list_display = ("id", "purpose", "reference", "step", "is_reversal", "made")
    search_fields = ("pk", "reference")
    search_help_text = _("The id of an entry; its reference; or purpose and reference, as in payments.transfer:123.")
    is_sensitive = True
    readonly_fields = ("purpose", "reference", "step", "made", "legs", "takes_back", "taken_back_by", "related", "id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("made"))
    def made(self, entry: Entry) -> Any:
        return moment(entry.created_at)

    @display(description=_("takes back"), boolean=True)
    def is_reversal(self, entry: Entry) -> bool:
        return entry.reverses_id is not None

    @display(description=_("legs"))
    def legs(self, entry: Entry) -> Any:
        rows = Posting.objects.filter(entry_id=entry.id).select_related("account").order_by("leg")
        return table(
            _("legs"),
            (_("amount"), _("kind"), _("owner"), _("account"), _("balance after"), _("number")),
            (
                (
                    money(one.amount_minor, one.currency),
                    f"{one.account.get_kind_display()} {one.account.name}".strip(),
                    owner_of(one.account),
                    link("ledger.account", one.account_id),
                    money(one.balance_after_minor, one.currency),
                    NOTHING if one.seq is None else one.seq,
                )
                for one in rows
            ),
            figures=[0, 4, 5],
        )

    @display(description=_("takes back"))
    def takes_back(self, entry: Entry) -> Any:
        return NOTHING if entry.reverses_id is None else link("ledger.entry", entry.reverses_id)

    @display(description=_("taken back by"))
    def taken_back_by(self, entry: Entry) -> Any:
        found = Entry.objects.filter(reverses_id=entry.id).values_list("id", flat=True).first()
        return NOTHING if found is None else link("ledger.entry", found)

    @display(description=_("of the same"))
    def related(self, entry: Entry) -> Any:
        """What else moved for the same thing: a transfer's sending beside its return."""
        rows = Entry.objects.filter(reference=entry.reference, purpose=entry.purpose).exclude(id=entry.id)
        return table(
            _("of the same"),
            (_("entry"), _("step"), _("made")),
            (
                (link("ledger.entry", one.id), one.step, moment(one.created_at))
                for one in rows.order_by("id")[:SHOWN_RELATED]
            ),
        )


class HoldStateFilter(admin.SimpleListFilter):
    """Only what the index of open holds knows: who looks for an ended one has its reference."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("overdue", _("Overdue"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Hold]") -> "QuerySet[Hold]":
        match self.value():
            case "open":
                return queryset.filter(status=Hold.Status.OPEN)
            case "overdue":
                return queryset.filter(status=Hold.Status.OPEN, expires_at__lte=timezone.now())
        return queryset


@admin.register(Hold)
class HoldAdmin(OfPurpose):
    """What is promised of somebody's balance, and what became of it."""

    list_display = ("id", "state", "amount", "captured", "purpose", "reference", "expires", "made")
    list_filter = (HoldStateFilter,)
    search_fields = ("pk", "reference")
    search_help_text = _("The id of a hold; its reference; or purpose and reference, as in taxi.fare:123.")
    is_sensitive = True
    shown = ("state_in_words", "amount", "captured", "account_shown", "purpose", "reference", "step", "raised")
    readonly_fields = (*shown, "made", "expires", "ended", "captured_by", "id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("state"), label={"open": "info", "captured": "success", "released": "default"})
    def state(self, one: Hold) -> tuple[str, Any]:
        return one.status, one.get_status_display()

    @display(description=_("state"))
    def state_in_words(self, one: Hold) -> Any:
        return one.get_status_display()

    @display(description=_("amount"))
    def amount(self, one: Hold) -> str:
        return money(one.amount_minor, one.currency)

    @display(description=_("captured"))
    def captured(self, one: Hold) -> str:
        return money(one.captured_minor, one.currency) if one.captured_minor else NOTHING

    @display(description=_("account"))
    def account_shown(self, one: Hold) -> Any:
        return link("ledger.account", one.account_id)

    @display(description=_("made"))
    def made(self, one: Hold) -> Any:
        return moment(one.created_at)

    @display(description=_("expires"))
    def expires(self, one: Hold) -> Any:
        return moment(one.expires_at)

    @display(description=_("ended"))
    def ended(self, one: Hold) -> Any:
        return moment(one.ended_at)

    @display(description=_("captured by"))
    def captured_by(self, one: Hold) -> Any:
        return NOTHING if one.entry_id is None else link("ledger.entry", one.entry_id)

    @display(description=_("raised"))
    def raised(self, one: Hold) -> Any:
        return table(
            _("raised"),
            (_("step"), _("amount"), _("made")),
            (
                (step.step, money(step.amount_minor, one.currency), moment(step.created_at))
                for step in one.steps.order_by("created_at")[:SHOWN_RELATED]
            ),
            figures=[1],
        )


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    """What each look at the books found."""

    list_display = ("began", "result", "scope", "ended", "id")
    search_fields = ("pk",)
    search_help_text = _("The id of a check.")
    readonly_fields = ("result_in_words", "problems", "rules", "scope", "began", "ended", "id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("result"), label={"sound": "success", "unsound": "danger", "going": "info"})
    def result(self, one: Check) -> tuple[str, Any]:
        return result_of(one)

    @display(description=_("result"))
    def result_in_words(self, one: Check) -> Any:
        _name, words = result_of(one)
        return words

    @display(description=_("looked at"))
    def scope(self, one: Check) -> Any:
        return _("everything") if one.since is None else format_html("{} {}", _("what came since"), moment(one.since))

    @display(description=_("began"))
    def began(self, one: Check) -> Any:
        return moment(one.began_at)

    @display(description=_("ended"))
    def ended(self, one: Check) -> Any:
        return moment(one.ended_at)

    @display(description=_("problems"))
    def problems(self, one: Check) -> Any:
        """The first of each rule, in words; docs/ledger.md says what to do."""
        found = [(say(rule), problem) for rule, finding in one.findings.items() for problem in finding["problems"]]
        if not found:
            return NOTHING
        return format_html("<ul>{}</ul>", format_html_join("", "<li><strong>{}</strong>: {}</li>", found))

    @display(description=_("rules"))
    def rules(self, one: Check) -> Any:
        return table(
            _("rules"),
            (_("rule"), _("looked at"), _("problems")),
            (
                (say(rule), f"{finding['looked_at']:,}", f"{finding['count']:,}")
                for rule, finding in sorted(one.findings.items())
            ),
            figures=[1, 2],
        )


def result_of(one: Check) -> tuple[str, Any]:
    if one.problem_count:
        return "unsound", format_html("{}: {}", _("problems"), f"{one.problem_count:,}")
    return ("going", _("still looking")) if one.ended_at is None else ("sound", _("sound"))
