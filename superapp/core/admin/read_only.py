"""The base of every page of the admin: it shows all there is, finds by index, and changes nothing by itself."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.core import checks
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet, UniqueConstraint
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks
from unfold.dataclasses import UnfoldAction

from superapp.core import audit
from superapp.core.admin.actions import MOST_AT_ONCE
from superapp.core.admin.paginator import EstimatedPaginator


class ReadOnlyAdminChecks(UnfoldModelAdminChecks):
    def check(self, admin_obj: Any, **kwargs: Any) -> list[Any]:
        unindexed = [
            checks.Error(
                f"{name} in search_fields leads no index: looking for it would read the whole table.",
                obj=type(admin_obj),
                id="superapp.admin.E001",
            )
            for name in admin_obj.search_fields
            if not leads_an_index(admin_obj.model, name)
        ]
        return [*super().check(admin_obj, **kwargs), *unindexed]


class ReadOnlyAdmin(ModelAdmin):
    """Add ``actions`` and ``actions_detail`` made with ``write_action`` to let people change something.

    ``search_fields`` are looked up exactly as typed, so each must lead an index. Lists are never annotated: what they
    show is in the row, or in one that ``list_select_related`` joins.
    """

    checks_class = ReadOnlyAdminChecks
    paginator = EstimatedPaginator
    show_full_result_count = False
    list_per_page = MOST_AT_ONCE
    list_max_show_all = 0
    list_disable_select_all = True
    ordering: ClassVar[Sequence[str]] = ("-pk",)
    actions: ClassVar[Sequence[Any]] = ()
    #: Opening one is written into the audit log, with who it was.
    is_sensitive: ClassVar[bool] = False
    #: Never shown, on top of everything whose name says that it is a secret.
    hidden_fields: ClassVar[frozenset[str]] = frozenset()

    # --- What may be done ---------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Not as in Django, where whoever may change may look: here nobody changes.
        return bool(request.user.has_perm(f"{self.opts.app_label}.view_{self.opts.model_name}"))

    def may_run(self, request: HttpRequest, permission: str) -> bool:
        return self.has_view_permission(request) and bool(request.user.has_perm(permission))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            name: action
            for name, action in super().get_actions(request).items()
            if self.may_run(request, action[0].permission)
        }

    def _get_base_actions(self) -> list[Any]:
        # Without those of the site: its "delete" is for tables of another kind.
        return [action for action in map(self.get_action, self.actions or ()) if action]

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: list[UnfoldAction], object_id: Any = None
    ) -> list[UnfoldAction]:
        return [action for action in actions if self.may_run(request, action.method.permission)]

    # --- What is shown ------------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        names = [field.name for field in self.opts.concrete_fields]
        extra = [name for name in self.readonly_fields if name not in names]
        return [name for name in names if not audit.is_secret(name) and name not in self.hidden_fields] + extra

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(pk__in=[])
        for name in self.search_fields:
            field = self.opts.pk if name == "pk" else self.opts.get_field(name)
            try:
                wanted |= Q(**{name: _as_stored(field, term)})
            except ValidationError:
                continue
        return queryset.filter(wanted), False

    # --- What is written down -----------------------------------------------------------------------------------------

    def audit_subject(self, obj: Model) -> tuple[str, str]:
        """What the audit log calls the object: a kind and an id, the same that the room's services use."""
        return str(self.opts.model_name), str(obj.pk)

    def record_view(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            audit.record(
                actor_id=request.user.pk,
                action=f"{self.opts.app_label}.{self.opts.model_name}_viewed",
                subject=self.audit_subject(obj),
                organisation_id=getattr(obj, "organisation_id", None),
            )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if self.is_sensitive and obj is not None:
            # Before it is shown: what cannot be written down is not seen.
            self.record_view(request, obj)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Instead of Django's own log, which knows only Django's own forms."""
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_view_permission(request, obj):
            raise PermissionDenied
        kind, identifier = self.audit_subject(obj)
        query = urlencode({"subject_kind": kind, "subject_id": identifier})
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:core_auditentry_changelist") + f"?{query}")


def leads_an_index(model: type[Model], name: str) -> bool:
    """Whether Postgres can find rows by this field without reading all of them."""
    if name == "pk":
        return True
    field = model._meta.get_field(name)
    if getattr(field, "primary_key", False) or getattr(field, "unique", False) or getattr(field, "db_index", False):
        return True
    unique = [item.fields for item in model._meta.constraints if isinstance(item, UniqueConstraint)]
    return any(
        fields[0].lstrip("-") == name
        for fields in [*(index.fields for index in model._meta.indexes), *unique]
        if fields
    )


def _as_stored(field: Any, term: str) -> Any:
    """Raises ``ValidationError`` for what no row can hold there."""
    value = field.to_python(term)
    field.run_validators(value)
    return value
