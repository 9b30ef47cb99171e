"""Writing in the admin: a page that asks whether and why, one service call, one audit row, in one transaction."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from superapp.core import audit
from superapp.core.errors import DomainError

if TYPE_CHECKING:
    from superapp.core.admin.read_only import ReadOnlyAdmin

# One page of a list. A form may have few fields more than that (DATA_UPLOAD_MAX_NUMBER_FIELDS).
MOST_AT_ONCE = 40


class ReasonForm(forms.Form):
    """What every action asks. One that needs to know more extends it; the step gets the cleaned values as ``data``."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("It is kept in the audit log, beside your name."),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@dataclass(frozen=True)
class Change:
    """What a step did, for the audit log."""

    before: Any = None
    after: Any = None


#: Does it to one object: (admin, request, object, the form's values). Raises ``DomainError`` when it is refused.
Step = Callable[[Any, HttpRequest, Any, dict[str, Any]], Change | None]


@dataclass(frozen=True)
class WriteAction:
    name: str
    description: str | Promise
    permission: str
    audited: str | None
    form: type[ReasonForm]
    step: Step
    is_dangerous: bool


def write_action(
    *,
    description: str | Promise,
    permission: str,
    audited: str | None,
    form: type[ReasonForm] = ReasonForm,
    is_dangerous: bool = False,
) -> Callable[[Step], Any]:
    """Turn a step into an action for ``actions`` (chosen rows), ``actions_detail`` (one object's page), or both.

    ``permission`` is a full name, such as ``core.retry_outboxevent``; who lacks it does not see the action, and is
    refused. ``audited`` is what the audit log calls it; None only where the service itself records the reason, which
    it gets as ``data["reason"]``.
    """

    def decorate(step: Step) -> Any:
        action = WriteAction(step.__name__, description, permission, audited, form, step, is_dangerous)

        @functools.wraps(step)
        def run(
            admin: "ReadOnlyAdmin",
            request: HttpRequest,
            queryset: "QuerySet[Any] | None" = None,
            object_id: str | None = None,
        ) -> HttpResponse | None:
            if not admin.may_run(request, action.permission):
                raise PermissionDenied
            if queryset is None:
                return _run_on_one(admin, request, action, unquote(object_id or ""))
            return _run_on_chosen(admin, request, action, queryset)

        return _described(run, description, permission, is_dangerous)

    return decorate


def list_action(
    *, description: str | Promise, permission: str
) -> Callable[[Callable[[Any, HttpRequest], HttpResponse]], Any]:
    """Turn a view of an admin into an action for ``actions_list``: a button above the list, for what is about none of
    its rows. Who lacks ``permission`` is refused."""

    def decorate(view: Callable[[Any, HttpRequest], HttpResponse]) -> Any:
        @functools.wraps(view)
        def run(admin: "ReadOnlyAdmin", request: HttpRequest) -> HttpResponse:
            if not admin.may_run(request, permission):
                raise PermissionDenied
            return view(admin, request)

        return _described(run, description, permission, is_dangerous=False)

    return decorate


def _described(run: Any, description: str | Promise, permission: str, is_dangerous: bool) -> Any:
    """With what Django and unfold read off an action."""
    run.short_description = description
    run.permission = permission
    run.attrs = {}
    run.variant = ActionVariant.DANGER if is_dangerous else ActionVariant.DEFAULT
    return run


def _run_on_one(admin: "ReadOnlyAdmin", request: HttpRequest, action: WriteAction, object_id: str) -> HttpResponse:
    found = admin.get_object(request, object_id)
    if found is None:
        raise Http404
    back = reverse(_url_name(admin, "change"), args=[found.pk])
    return _confirm_or_perform(admin, request, action, [found], back) or HttpResponseRedirect(back)


def _run_on_chosen(
    admin: "ReadOnlyAdmin", request: HttpRequest, action: WriteAction, queryset: "QuerySet[Any]"
) -> HttpResponse | None:
    objects = list(queryset[: MOST_AT_ONCE + 1])
    if len(objects) > MOST_AT_ONCE:
        messages.error(request, gettext("Choose at most %(number)s at once.") % {"number": MOST_AT_ONCE})
        return None
    # None: Django goes back to the list as it was filtered.
    return _confirm_or_perform(admin, request, action, objects, reverse(_url_name(admin, "changelist")))


def _confirm_or_perform(
    admin: "ReadOnlyAdmin", request: HttpRequest, action: WriteAction, objects: Sequence[Model], back: str
) -> HttpResponse | None:
    is_answer = request.method == "POST" and "confirmed" in request.POST
    form = action.form(request.POST if is_answer else None)
    if is_answer and form.is_valid():
        _perform(admin, request, action, objects, form.cleaned_data)
        return None
    return confirmation_page(
        admin,
        request,
        title=action.description,
        form=form,
        back=back,
        objects=objects,
        action_name=action.name,
        is_dangerous=action.is_dangerous,
    )


def confirmation_page(
    admin: "ReadOnlyAdmin",
    request: HttpRequest,
    *,
    title: str | Promise,
    form: ReasonForm,
    back: str,
    objects: Sequence[Model] = (),
    action_name: str = "",
    is_dangerous: bool = False,
) -> HttpResponse:
    """Asks whether and why. Its answer comes by POST to the same address, with ``confirmed`` in it."""
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.opts,
        "media": admin.media + form.media,
        "objects": objects,
        "form": form,
        "action_name": action_name,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "back": back,
        "variant": "danger" if is_dangerous else "primary",
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, "admin/confirm_action.html", context)


def _perform(
    admin: "ReadOnlyAdmin", request: HttpRequest, action: WriteAction, objects: Sequence[Model], data: dict[str, Any]
) -> None:
    done = 0
    for one in objects:
        try:
            _perform_on(admin, request, action, one, data)
        except DomainError as refusal:
            messages.error(request, f"{one}: {refusal.text}")
        else:
            done += 1
    if done:
        text = ngettext("%(action)s: done for %(number)s.", "%(action)s: done for %(number)s.", done)
        messages.success(request, text % {"action": action.description, "number": done})


@transaction.atomic
def _perform_on(
    admin: "ReadOnlyAdmin", request: HttpRequest, action: WriteAction, one: Model, data: dict[str, Any]
) -> None:
    change = action.step(admin, request, one, data) or Change()
    if action.audited is not None:
        audit.record(
            actor_id=request.user.pk,
            action=action.audited,
            subject=admin.audit_subject(one),
            organisation_id=getattr(one, "organisation_id", None),
            before=change.before,
            after=change.after,
            reason=data["reason"],
        )


def _url_name(admin: "ReadOnlyAdmin", page: str) -> str:
    return f"{admin.admin_site.name}:{admin.opts.app_label}_{admin.opts.model_name}_{page}"
