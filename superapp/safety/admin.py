from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from superapp.accounts import selectors as accounts
from superapp.core.admin import ReadOnlyAdmin, ReasonForm, write_action
from superapp.safety import registry, services
from superapp.safety.models import Report


def actions() -> list[tuple[str, Any]]:
    return [("", _("Nothing")), *((name, one.label) for name, one in registry.subjects.actions().items())]


class ResolveForm(ReasonForm):
    action = forms.ChoiceField(label=_("What is done"), choices=actions, required=False, widget=UnfoldAdminSelectWidget)


class QueueFilter(admin.SimpleListFilter):
    """What waits, unless somebody asks for the others: the list is a queue first."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*((value, label) for value, label in Report.State.choices), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or Report.State.OPEN) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Report]") -> "QuerySet[Report]":
        wanted = self.value() or Report.State.OPEN
        return queryset if wanted == "all" else queryset.filter(state=wanted)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What waits for a decision, the oldest first. What was said stands on a report's own page, and each look at one is
    written down."""

    list_display = ("created_at", "reason", "what", "state_shown", "reporter_id")
    list_filter = (QueueFilter,)
    ordering = ("id",)
    search_fields = ("pk", "reporter_id")
    search_help_text = _("The id of a report or of who reported; or what was reported, as in user:123.")
    is_sensitive = True
    shown = ("what", "reason", "comment", "shown_as", "said", "reporter", "created_at", "state_in_words")
    shown_below = ("action", "closed_at", "closed_by_id", "id")
    readonly_fields = (*shown, *shown_below)
    actions = ("dismiss",)
    actions_detail = ("resolve", "dismiss")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*self.shown, *(self.shown_below if obj is not None and obj.closed_at else ("id",))]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        kind, colon, identifier = search_term.strip().partition(":")
        if colon:
            return queryset.filter(subject_kind=kind, subject_id=identifier.strip()), False
        return super().get_search_results(request, queryset, search_term)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Without what a closed report rules out; the services refuse that in any case."""
        one = self.get_object(request, str(object_id))
        if one is None or one.state != Report.State.OPEN:
            return []
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return found

    @display(description=_("state"), label={"open": "info", "resolved": "success", "dismissed": "default"})
    def state_shown(self, one: Report) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("state"))
    def state_in_words(self, one: Report) -> Any:
        return one.get_state_display()

    @display(description=_("reported"))
    def what(self, one: Report) -> Any:
        subject = registry.subjects.get(one.subject_kind)
        name = subject.label if subject else one.subject_kind
        if one.subject_kind == "user":
            return _person(int(one.subject_id), label=name)
        return f"{name} {one.subject_id}"

    @display(description=_("reported by"))
    def reporter(self, one: Report) -> Any:
        return "–" if one.reporter_id is None else _person(one.reporter_id)

    @display(description=_("comment"))
    def comment(self, one: Report) -> str:
        return str(one.snapshot.get("comment") or "–")

    @display(description=_("shown as"))
    def shown_as(self, one: Report) -> str:
        profile = one.snapshot.get("profile")
        if not profile:
            return "–"
        handle = f" (@{profile['handle']})" if profile.get("handle") else ""
        return f"{profile.get('display_name', '')}{handle}"

    @display(description=_("what was said"))
    def said(self, one: Report) -> Any:
        """The reported message and what stood around it: text, and the kind of everything else."""
        rows = one.snapshot.get("messages") or []
        if not rows:
            return "–"
        people = accounts.users(int(row["sender_id"]) for row in rows if row["sender_id"])
        lines = format_html_join(
            "",
            '<p class="{}"><strong>{}</strong> · {} UTC{}<br>{}</p>',
            (
                (
                    "sa-bad" if (is_it := row["seq"] == one.snapshot.get("seq")) else "",
                    _name(people, row),
                    row["created_at"][:16].replace("T", " "),
                    # Not by its colour alone.
                    format_html(" · {}", _("reported")) if is_it else "",
                    _words(row),
                )
                for row in rows
            ),
        )
        return format_html('<div class="sa-said">{}</div>', lines)

    @write_action(
        description=_("Resolve"), permission="safety.resolve_report", audited=None, form=ResolveForm, is_dangerous=True
    )
    def resolve(self, request: HttpRequest, one: Report, data: dict[str, Any]) -> None:
        services.resolve(report_id=one.id, actor_id=_staff_id(request), action=data["action"], reason=data["reason"])

    @write_action(description=_("Dismiss"), permission="safety.dismiss_report", audited=None)
    def dismiss(self, request: HttpRequest, one: Report, data: dict[str, Any]) -> None:
        services.dismiss(report_id=one.id, actor_id=_staff_id(request), reason=data["reason"])


def _staff_id(request: HttpRequest) -> int:
    assert request.user.pk is not None
    return request.user.pk


def _person(user_id: int, *, label: Any = "") -> Any:
    address = reverse("admin:accounts_user_change", args=[user_id])
    return format_html('{} <a class="sa-link" href="{}">{}</a>', label, address, user_id)


def _name(people: dict[int, Any], row: dict[str, Any]) -> str:
    sender_id = row["sender_id"]
    if sender_id is None:
        return row.get("persona") or "–"
    user = people.get(int(sender_id))
    return user.display_name if user and user.display_name else sender_id


def _words(row: dict[str, Any]) -> str:
    text = row["body"].get("text") if isinstance(row["body"], dict) else None
    return str(text) if text else f"[{row['kind']}]"
