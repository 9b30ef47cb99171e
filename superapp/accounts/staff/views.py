"""allauth's views where a page of ours has to do more."""

from typing import Any

from allauth.account.views import LoginView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from superapp.accounts import services
from superapp.accounts.staff.access import has_second_factor


class SignIn(LoginView):
    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        response.status_code = 422
        return response


class SetUpSecondFactor(ActivateTOTPView):
    """The first sign-in goes through here, and nowhere else before it is done."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if has_second_factor(request.user):
            return HttpResponseRedirect(reverse("admin:index"))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        # The secret is in it.
        response["Cache-Control"] = "no-store"
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        authenticator = Authenticator.objects.get(user_id=self.request.user.pk, type=Authenticator.Type.TOTP)
        authenticator.user = self.request.user
        # Whoever typed the code has just proved the factor. What this session may do grows, so it gets a new name.
        self.request.session.cycle_key()
        post_authentication(self.request, authenticator, reauthenticated=True)
        services.note_second_factor(user_id=self.request.user.pk, action="accounts.second_factor_set_up")
        return response


class RecoveryCodes(ViewRecoveryCodesView):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class NewRecoveryCodes(GenerateRecoveryCodesView):
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        services.note_second_factor(user_id=self.request.user.pk, action="accounts.recovery_codes_made")
        return response
