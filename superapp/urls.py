from django.urls import include, path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from superapp.core import health
from superapp.core.api.converters import IdConverter
from superapp.media.api.delivery import deliver

register_converter(IdConverter, "id")

api_v1 = [
    path("", include("superapp.accounts.api.urls")),
    path("", include("superapp.media.api.urls")),
    path("", include("superapp.realtime.api.urls")),
    path("", include("messaging.api.urls")),
]

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/", include(api_v1)),
    path("media/<id:asset_id>/<slug:name>", deliver, name="media-file"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema")),
]
handler400 = "superapp.core.middleware.bad_request"
handler403 = "superapp.core.middleware.forbidden"
handler404 = "superapp.core.middleware.not_found"
handler500 = "superapp.core.middleware.server_error"
