from django.urls import path

from superapp.core.api.links import Scan

urlpatterns = [path("scan/", Scan.as_view())]
