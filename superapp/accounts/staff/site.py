"""The admin's door: who may come in, and where everybody else is sent."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from superapp.accounts.staff import home
from superapp.accounts.staff.access import has_second_factor, is_staff, is_verified
from superapp.accounts.staff.forms import PasswordChangeForm


class StaffSite(UnfoldAdminSite):
    """Active staff who proved a second factor in this session; nobody else sees a page of it."""

    index_title = _("Home")
    index_template = "accounts/home.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Pages that Django and allauth bring along change rows without asking why; only ours are taken."""
        # Not above: it registers pages of its own, here, as soon as it is imported.
        from superapp.core.admin.read_only import ReadOnlyAdmin

        if admin_class is not None and issubclass(admin_class, ReadOnlyAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return is_staff(request) and is_verified(request) and has_second_factor(request.user)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if self.has_permission(request):
                response: HttpResponseBase = inner(request, *args, **kwargs)
                return response
            return self._turn_away(request)

        return update_wrapper(guarded, inner)

    def index(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response: HttpResponse = super().index(request, {**home.context(request), **(extra_context or {})})
        return response

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return (
            HttpResponseRedirect(reverse("admin:index")) if self.has_permission(request) else self._turn_away(request)
        )

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST":
            logout(request)
        return HttpResponseRedirect(reverse("account_login"))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=PasswordChangeForm,
            success_url=reverse("admin:password_change_done"),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def _turn_away(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self._redirect(request, "account_login")
        if not is_staff(request):
            raise Http404
        return self._redirect(request, "mfa_reauthenticate" if has_second_factor(request.user) else "mfa_activate_totp")

    def _redirect(self, request: HttpRequest, name: str) -> HttpResponse:
        query = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
        response = HttpResponseRedirect(f"{reverse(name)}?{query}")
        response["Cache-Control"] = "no-store"
        return response
