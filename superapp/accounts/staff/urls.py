"""The sign-in pages, under the names by which allauth looks for them. What is not here of it does not exist."""

from allauth.account.views import logout
from allauth.mfa.base.views import authenticate, reauthenticate
from django.urls import path
from django.views.generic import RedirectView

from superapp.accounts.staff import views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="account_login"),
    path("sign-out/", logout, name="account_logout"),
    path("second-factor/", authenticate, name="mfa_authenticate"),
    path("second-factor/again/", reauthenticate, name="mfa_reauthenticate"),
    path("second-factor/set-up/", views.SetUpSecondFactor.as_view(), name="mfa_activate_totp"),
    path("recovery-codes/", views.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", views.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    # Where allauth goes when it knows nothing better.
    path("", RedirectView.as_view(pattern_name="admin:index"), name="mfa_index"),
]
