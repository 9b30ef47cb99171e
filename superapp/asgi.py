"""The device sockets, and REST beside them on one origin.

REST runs through the WSGI application in a fixed pool of threads, which keep their database connections; Django's own
ASGI handler would open one per request. None of them ever waits for somebody's network (``core.asgi``).
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.wsgi import get_wsgi_application
from django.urls import path, re_path

from superapp.core.wsgi import plain_content_type

rest = plain_content_type(get_wsgi_application())

from superapp.core.asgi import Buffered, leave_files  # noqa: E402  # isort: skip
from superapp.realtime.consumer import DeviceSocket, Nowhere  # noqa: E402  # isort: skip  (the app registry is ready only now)
from superapp.realtime.lifespan import lifespan  # noqa: E402  # isort: skip

application = ProtocolTypeRouter(
    {
        "http": Buffered(WSGIMiddleware(leave_files(rest), workers=8)),
        "websocket": URLRouter([path("ws/", DeviceSocket.as_asgi()), re_path("", Nowhere.as_asgi())]),
        "lifespan": lifespan,
    }
)
