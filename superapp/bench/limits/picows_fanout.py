"""The least that fan-out costs in Python: a bare picows server, groups in memory, each message encoded once. Frozen.

It hears the same messages of Redis as the gateway: on the topic's slot, ``F``, the topic, a zero byte, the frame. It
knows no people: a socket names its topic in its path, and listens.

    python picows_fanout.py PORT REDIS_URL
"""

import asyncio
import sys
import zlib

import redis.asyncio
import uvloop
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

SLOTS = 4096


class Listener(WSListener):
    def __init__(self, hub: "Hub", topic: bytes) -> None:
        super().__init__()
        self.hub, self.topic = hub, topic

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.hub.join(self.topic, transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.hub.groups[self.topic].discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()


class Hub:
    def __init__(self, redis_url: str) -> None:
        self.groups: dict[bytes, set[WSTransport]] = {}
        self.pubsub = redis.asyncio.Redis.from_url(redis_url).pubsub()
        self.joining: set[asyncio.Task[None]] = set()

    def join(self, topic: bytes, transport: WSTransport) -> None:
        members = self.groups.get(topic)
        if members is None:
            members = self.groups[topic] = set()
            task = asyncio.create_task(self.pubsub.subscribe(f"rt:{zlib.crc32(topic) % SLOTS}"))
            self.joining.add(task)
            task.add_done_callback(self.joining.discard)
        members.add(transport)

    async def pump(self) -> None:
        # A channel of its own, because without any there is no connection to read from.
        await self.pubsub.subscribe("picows")
        while True:
            message = await self.pubsub.parse_response(block=True)
            if message and message[0] == b"message":
                head, _, frame = message[2].partition(b"\0")
                for transport in self.groups.get(head[1:], ()):
                    transport.send(WSMsgType.TEXT, frame)


async def serve(port: int, redis_url: str) -> None:
    hub = Hub(redis_url)

    def listener(request: WSUpgradeRequest) -> Listener:
        return Listener(hub, request.path.removeprefix(b"/"))

    await ws_create_server(listener, "127.0.0.1", port)
    await hub.pump()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
