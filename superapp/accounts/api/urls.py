from django.urls import path

from superapp.accounts.api import views

urlpatterns = [
    path("auth/codes/", views.SignInCodes.as_view()),
    path("auth/sign-in/code/", views.CodeSignIn.as_view()),
    path("auth/sign-in/password/", views.PasswordSignIn.as_view()),
    path("auth/refresh/", views.Refresh.as_view()),
    path("auth/sign-out/", views.SignOut.as_view()),
    path("me/", views.Me.as_view()),
    path("me/terms/", views.Terms.as_view()),
    path("me/qr/", views.QrCard.as_view()),
    path("me/password/", views.Password.as_view()),
    path("devices/", views.DeviceList.as_view()),
    path("devices/others/", views.OtherDevices.as_view()),
    path("devices/<id:device_id>/", views.DeviceDetail.as_view()),
]
