"""The first page of the admin, and what stands beside every page of it."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from superapp.accounts import selectors
from superapp.accounts.models import CodeCount, User
from superapp.core import metrics
from superapp.core.figures import Figure, of_rooms
from superapp.core.ids import first_id_of
from superapp.core.models import Lease

#: A relay that is this far behind is in trouble (the loop runs five times a second).
LATE_SECONDS = 10.0
MOST_NEWCOMERS, MOST_REQUESTS = 10_000, 1_000
ICONS = {
    "core.outboxevent": "outbox",
    "core.auditentry": "history_edu",
    "accounts.user": "person",
    "accounts.organisation": "storefront",
    "accounts.signincode": "sms",
    "accounts.erasure": "person_remove",
    "accounts.dataexport": "download",
    "media.asset": "photo_library",
    "messaging.conversation": "forum",
    "safety.report": "flag",
    "payments.wallet": "wallet",
    "payments.adjustment": "balance",
    "payments.volume": "monitoring",
    "payments.transfer": "sync_alt",
    "payments.moneyrequest": "request_quote",
    "payments.split": "call_split",
    "payments.redpacket": "redeem",
    "payments.payment": "shopping_bag",
    "payments.refund": "undo",
    "ledger.account": "account_balance",
    "ledger.entry": "receipt_long",
    "ledger.hold": "lock_clock",
    "ledger.check": "fact_check",
}


def context(request: HttpRequest) -> dict[str, Any]:
    figures = [
        *of_rooms(request),
        *(organisations() if request.user.has_perm("accounts.view_organisation") else []),
        *people(),
    ]
    if not request.user.has_perm("core.view_outboxevent"):
        return {"figures": figures, "loops": []}
    return {"figures": [*operation(), *figures], "loops": loops()}


def organisations() -> list[Figure]:
    waiting = selectors.request_count(most=MOST_REQUESTS + 1)
    rows = reverse("admin:accounts_organisation_changelist")
    return [
        Figure(
            _("Organisations"),
            f"{MOST_REQUESTS:,}+" if waiting > MOST_REQUESTS else f"{waiting:,}",
            _("wait to be approved"),
            link=f"{rows}?state__exact=requested",
        )
    ]


def people() -> list[Figure]:
    """Counted by indexes: ids begin with the time at which they were given, codes have a row a day."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    newcomers = User.objects.filter(id__gte=first_id_of(today)).order_by()[: MOST_NEWCOMERS + 1].count()
    codes = CodeCount.objects.filter(day=today.date()).aggregate(sent=Sum("sent"))["sent"] or 0
    many = f"{MOST_NEWCOMERS:,}+" if newcomers > MOST_NEWCOMERS else f"{newcomers:,}"
    return [
        Figure(_("New people"), many, _("today (UTC)")),
        Figure(_("Sign-in codes"), f"{codes:,}", _("today (UTC)")),
    ]


def operation() -> list[Figure]:
    outbox = metrics.values("outbox")
    if not outbox:
        return [Figure(_("Outbox"), "–", _("could not be asked"), tone="bad")]
    late = outbox["superapp_outbox_lag_seconds"]
    parked = int(outbox["superapp_outbox_rows", "parked"])
    waiting = int(outbox["superapp_outbox_rows", "pending"])
    rows = reverse("admin:core_outboxevent_changelist")
    return [
        Figure(
            _("Outbox"),
            _duration(late) if late >= 1 else "0 s",
            ngettext("%(number)s row waits", "%(number)s rows wait", waiting) % {"number": f"{waiting:,}"},
            tone="bad" if late > LATE_SECONDS else "ok",
            link=rows,
        ),
        Figure(
            _("Parked events"),
            f"{parked:,}",
            _("each blocks its key") if parked else _("none: all is well"),
            tone="bad" if parked else "ok",
            link=f"{rows}?state=parked",
        ),
        *_books(),
        *_tasks(),
    ]


def _books() -> list[Figure]:
    """What the last check of the ledger found; nothing before the first."""
    found = metrics.values("ledger")
    if "superapp_ledger_problems" not in found:
        return []
    problems = int(found["superapp_ledger_problems"])
    return [
        Figure(
            _("Problems in the books"),
            f"{problems:,}",
            _("found by the last check"),
            tone="bad" if problems else "ok",
            link=reverse("admin:ledger_check_changelist"),
        )
    ]


def _tasks() -> list[Figure]:
    queues = metrics.values("queues")
    if not queues:
        return []
    waiting = {key[1]: int(value) for key, value in queues.items() if isinstance(key, tuple)}
    shown = ", ".join(f"{name} {count:,}" for name, count in sorted(waiting.items()))
    return [Figure(_("Tasks in queues"), f"{sum(waiting.values()):,}", shown)]


def loops() -> list[dict[str, Any]]:
    """Who holds which shard; of the same loop side by side. There are a few dozen at most."""
    now = timezone.now()
    return [
        {"lease": lease, "is_held": lease.lease_until > now} for lease in Lease.objects.order_by("name", "shard")[:100]
    ]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What the person may see, room by room."""
    home = {"title": _("Home"), "icon": "home", "link": reverse_lazy("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [home]}]
    for room in admin.site.get_app_list(request):
        items = [
            {
                "title": page["name"],
                "icon": ICONS.get(page["model"]._meta.label_lower, "table_rows"),
                "link": page["admin_url"],
            }
            for page in room["models"]
        ]
        groups.append({"title": room["name"], "separator": True, "items": items})
    return groups


def environment(request: HttpRequest) -> list[str] | None:
    """A sign on every page where nothing is real."""
    return [str(_("Demo data")), "warning"] if getattr(settings, "DEMO_DATA", False) else None


def stylesheet(request: HttpRequest) -> str:
    return static("accounts/admin.css")


def mark(request: HttpRequest) -> str:
    return static("core/mark.svg")


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    return [{"title": _("Recovery codes"), "link": reverse_lazy("mfa_view_recovery_codes")}]


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
