from django.urls import path

from superapp.accounts.api import organisations, views

urlpatterns = [
    path("auth/codes/", views.SignInCodes.as_view()),
    path("auth/sign-in/code/", views.CodeSignIn.as_view()),
    path("auth/sign-in/password/", views.PasswordSignIn.as_view()),
    path("auth/return/", views.Return.as_view()),
    path("auth/refresh/", views.Refresh.as_view()),
    path("auth/sign-out/", views.SignOut.as_view()),
    path("me/", views.Me.as_view()),
    path("me/leaving/", views.Leaving.as_view()),
    path("me/terms/", views.Terms.as_view()),
    path("me/qr/", views.QrCard.as_view()),
    path("me/password/", views.Password.as_view()),
    path("me/phone/", views.Phone.as_view()),
    path("me/phone/codes/", views.OwnPhoneCodes.as_view()),
    path("me/phone/changes/", views.PhoneChanges.as_view()),
    path("me/phone/changes/codes/", views.NewPhoneCodes.as_view()),
    path("devices/", views.DeviceList.as_view()),
    path("devices/others/", views.OtherDevices.as_view()),
    path("devices/<id:device_id>/", views.DeviceDetail.as_view()),
    path("organisations/", organisations.Organisations.as_view()),
    path("organisations/<id:organisation_id>/", organisations.OrganisationDetail.as_view()),
    path("organisations/<id:organisation_id>/roles/", organisations.OrganisationRoles.as_view()),
    path("organisations/<id:organisation_id>/staff/", organisations.Staff.as_view()),
    path("organisations/<id:organisation_id>/staff/<id:user_id>/", organisations.StaffDetail.as_view()),
    path("organisations/<id:organisation_id>/ownership/", organisations.Ownership.as_view()),
    path("organisations/<id:organisation_id>/invitations/", organisations.StaffInvitations.as_view()),
    path(
        "organisations/<id:organisation_id>/invitations/<id:invitation_id>/",
        organisations.StaffInvitationDetail.as_view(),
    ),
    path("organisation-invitations/", organisations.Invitations.as_view()),
    path("organisation-invitations/accept-link/", organisations.AcceptInvitationLink.as_view()),
    path("organisation-invitations/<id:invitation_id>/accept/", organisations.AcceptInvitation.as_view()),
    path("organisation-invitations/<id:invitation_id>/decline/", organisations.DeclineInvitation.as_view()),
]
