"""Taking a list away as a file: it asks why, and is written into the audit log."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from superapp.core import audit
from superapp.core.admin.actions import ReasonForm, confirmation_page, list_action
from superapp.core.admin.paginator import MOST_ROWS
from superapp.core.spreadsheets import csv_line

if TYPE_CHECKING:
    from superapp.core.admin.read_only import ReadOnlyAdmin


def export_action(*, permission: str) -> Callable[..., HttpResponse]:
    """For ``actions_list`` of an admin: its list as CSV, as filtered by the address, the newest ``MOST_ROWS`` rows.

    The columns are the fields in ``list_display``; what is a secret is not in there, and ``permission`` is asked for.
    """

    @list_action(description=_("Export as CSV"), permission=permission)
    def export(admin: "ReadOnlyAdmin", request: HttpRequest) -> HttpResponse:
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            return confirmation_page(admin, request, title=_("Export as CSV"), form=form, back="../")
        return _file_of(admin, request, reason=form.cleaned_data["reason"])

    return export


def _file_of(admin: "ReadOnlyAdmin", request: HttpRequest, *, reason: str) -> HttpResponse:
    fields = {field.name for field in admin.opts.concrete_fields if not audit.is_secret(field.name)}
    names = [name for name in admin.get_list_display(request) if name in fields]
    rows = list(admin.get_changelist_instance(request).get_queryset(request).values_list(*names)[:MOST_ROWS])
    with transaction.atomic():
        audit.record(
            actor_id=request.user.pk,
            action=f"{admin.opts.app_label}.{admin.opts.model_name}_exported",
            subject=(str(admin.opts.model_name), "list"),
            after={"rows": len(rows), "fields": names, "filter": request.GET.urlencode()},
            reason=reason,
        )
    response = HttpResponse("".join(map(csv_line, [names, *rows])), content_type="text/csv; charset=utf-8")
    name = f"{admin.opts.model_name}-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
