"""The device sockets, and REST beside them on one origin.

REST runs through the WSGI application in a fixed pool of threads, which keep their database connections; Django's own
ASGI handler would open one per request.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.wsgi import get_wsgi_application
from django.urls import path

from superapp.core.wsgi import utf8_only

rest = utf8_only(get_wsgi_application())

from superapp.realtime.consumer import DeviceSocket  # noqa: E402  # isort: skip  (the app registry is ready only now)
from superapp.realtime.lifespan import lifespan  # noqa: E402  # isort: skip

application = ProtocolTypeRouter(
    {
        "http": WSGIMiddleware(rest, workers=8),
        "websocket": URLRouter([path("ws/", DeviceSocket.as_asgi())]),
        "lifespan": lifespan,
    }
)
