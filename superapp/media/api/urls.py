from django.urls import path

from superapp.media.api import views

urlpatterns = [
    path("media/", views.AssetList.as_view()),
    path("media/<id:asset_id>/", views.AssetDetail.as_view()),
]
