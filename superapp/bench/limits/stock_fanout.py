"""What fan-out costs as Channels' documentation has it: a consumer on ``RedisChannelLayer``, under uvicorn. Frozen.

Kinder than the usual: the frame is sent as it comes, and not encoded once more for every socket. A socket names its
group in its path. REDIS_URL is in the environment.

    uvicorn superapp.bench.limits.stock_fanout:application
"""

import os
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

LAYER = "channels_redis.core.RedisChannelLayer"

settings.configure(
    SECRET_KEY="of a server that signs nothing",  # noqa: S106
    INSTALLED_APPS=["channels"],
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    CHANNEL_LAYERS={"default": {"BACKEND": LAYER, "CONFIG": {"hosts": [os.environ["REDIS_URL"]]}}},
)
django.setup()


class GroupSocket(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.group = self.scope["url_route"]["kwargs"]["group"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def show(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["frame"])


application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("<str:group>", GroupSocket.as_asgi())])}
)
