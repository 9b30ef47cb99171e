"""The pages of this room: the audit log and the outbox."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from superapp.core import outbox
from superapp.core.admin.actions import Change, write_action
from superapp.core.admin.exports import export_action
from superapp.core.admin.read_only import ReadOnlyAdmin
from superapp.core.errors import Conflict
from superapp.core.models import AuditEntry, OutboxEvent


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_id", "action", "subject_kind", "subject_id", "organisation_id", "reason")
    search_fields = ("pk", "actor_id", "organisation_id")
    actions_list = ("export",)
    export = export_action(permission="core.export_auditentry")
    search_help_text = _("An id of an entry, a person or an organisation; or what was changed, as in user:123.")

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[AuditEntry]", search_term: str
    ) -> "tuple[QuerySet[AuditEntry], bool]":
        kind, colon, identifier = search_term.strip().partition(":")
        if colon:
            return queryset.filter(subject_kind=kind, subject_id=identifier.strip()), False
        return super().get_search_results(request, queryset, search_term)


class StateFilter(admin.SimpleListFilter):
    """By what the partial indexes of the table know, so that neither answer reads what was delivered long ago."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("parked", _("Parked")), ("open", _("Waiting"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[OutboxEvent]") -> "QuerySet[OutboxEvent]":
        match self.value():
            case "parked":
                return queryset.filter(id__in=outbox.parked().values("id"))
            case "open":
                return queryset.filter(done_at=None)
        return queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "state", "handler", "key", "attempts", "created_at", "due_at", "done_at")
    list_filter = (StateFilter,)
    search_fields = ("pk",)
    search_help_text = _("The id of a row.")
    # What an event carries may be anybody's affair.
    is_sensitive = True
    actions = actions_detail = ("retry",)

    @display(description=_("state"), label={"parked": "danger", "waiting": "info", "done": "success"})
    def state(self, row: OutboxEvent) -> tuple[str, Any]:
        if row.done_at is not None:
            return "done", _("done")
        return ("parked", _("parked")) if outbox.is_parked(row) else ("waiting", _("waiting"))

    @write_action(description=_("Retry"), permission="core.retry_outboxevent", audited="outbox.retried")
    def retry(self, request: HttpRequest, row: OutboxEvent, data: dict[str, Any]) -> Change:
        if not outbox.retry(row_id=row.id):
            raise Conflict(_("Only parked rows can be retried."))
        return Change(before={"attempts": row.attempts, "error": row.error}, after={"attempts": 0})
