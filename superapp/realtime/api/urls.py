from django.urls import path

from superapp.realtime.api import views

urlpatterns = [path("realtime/tickets/", views.Tickets.as_view())]
