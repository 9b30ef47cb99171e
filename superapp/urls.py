from django.conf import settings
from django.contrib import admin
from django.urls import include, path, register_converter
from drf_spectacular.views import SpectacularSwaggerSplitView

from superapp.core import health, metrics, pages
from superapp.core.api.converters import IdConverter
from superapp.core.api.schema_view import schema
from superapp.core.link_pages import link_page
from superapp.media.api.delivery import deliver

register_converter(IdConverter, "id")

api_v1 = [
    path("", include("superapp.core.api.urls")),
    path("", include("superapp.accounts.api.urls")),
    path("", include("superapp.media.api.urls")),
    path("", include("superapp.realtime.api.urls")),
    path("", include("messaging.api.urls")),
    path("", include("payments.api.urls")),
]

urlpatterns = [
    path("", pages.start),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.view),
    path("api/v1/", include(api_v1)),
    path("l/<str:token>", link_page),
    path("media/<id:asset_id>/<slug:name>", deliver, name="media-file"),
]
if settings.API_DOCS:
    urlpatterns += [
        path("api/schema/", schema, name="schema"),
        # Its script comes from an address of its own: the content policy runs nothing that stands in a page.
        path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="core/api_docs.html")),
    ]
if settings.ADMIN_PATH:
    urlpatterns += [
        path(settings.ACCOUNT_PATH, include("superapp.accounts.staff.urls")),
        path(settings.ADMIN_PATH, admin.site.urls),
    ]
handler400 = "superapp.core.middleware.bad_request"
handler403 = "superapp.core.middleware.forbidden"
handler404 = "superapp.core.middleware.not_found"
handler500 = "superapp.core.middleware.server_error"
