from django.urls import path

from payments.api import security_views as security

urlpatterns = [
    path("wallet/security/", security.Security.as_view()),
    path("wallet/pin/", security.Pin.as_view()),
    path("wallet/pin/reset/", security.PinReset.as_view()),
    path("wallet/approvals/", security.Approvals.as_view()),
    path("wallet/freeze/", security.Freeze.as_view()),
    path("wallet/unfreeze/", security.Unfreeze.as_view()),
]
