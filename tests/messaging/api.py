"""The API in this process, for tests that roll back: one caller per device."""

from typing import Any
from uuid import uuid4

from django.test import Client

from tests.realtime.people import Device
from tests.realtime.sockets import as_all_see_them

Json = dict[str, Any]


def untouched(**changes: Any) -> Json:
    """What a conversation is to a member for whom nothing special was chosen yet, but for ``changes``."""
    return {
        "role": "member",
        "first_seq": 1,
        "left_seq": None,
        "read_seq": 0,
        "unread": 0,
        "is_marked_unread": False,
        "mention_seq": None,
        "alias": "",
        "silenced_until": None,
        "is_muted": False,
        "is_pinned": False,
        "is_hidden": False,
        "peer": None,
        "peer_read_seq": None,
        "persona": None,
    } | changes


class Api:
    """Calls with JSON and asserts the status, because a test that does not know it tests nothing."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._client = Client(headers=device.header)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        path = path if path.startswith("/") else f"/api/v1/{path}"
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(self._client, method.lower())(path, headers=headers, **content)

    def ok(self, method: str, path: str, body: Any = None, *, status: int = 200, key: str | None = None) -> Any:
        response = self.call(method, path, body, key=key)
        assert response.status_code == status, (response.status_code, response.content)
        return response.json() if response.content else None

    def get(self, path: str) -> Any:
        return self.ok("GET", path)

    def refused(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, str]:
        """Status and code of the refusal."""
        response = self.call(method, path, body, key=key)
        return response.status_code, response.json()["error"]["code"]

    def send(self, conversation_id: int | str, text: str = "hello", *, key: str | None = None) -> Any:
        path = f"conversations/{conversation_id}/messages/"
        return self.ok("POST", path, {"kind": "text", "text": text}, status=201, key=key or str(uuid4()))

    def send_refused(self, conversation_id: int | str, body: Any = None, *, key: str | None = None) -> tuple[int, str]:
        path = f"conversations/{conversation_id}/messages/"
        return self.refused("POST", path, body or {"kind": "text", "text": "hello"}, key=key or str(uuid4()))

    def history(self, conversation_id: int | str) -> list[Json]:
        """As everybody there sees it: without ``mine``, which pushes do not have."""
        return as_all_see_them(self.rows(conversation_id))

    def rows(self, conversation_id: int | str) -> list[Json]:
        return self.all(f"conversations/{conversation_id}/messages/?after=0&limit=100")

    def message(self, conversation_id: int | str, seq: int) -> Json:
        return dict(self.get(f"conversations/{conversation_id}/messages/{seq}/"))

    def react(self, conversation_id: int | str, seq: int, emoji: str = "👍", *, is_added: bool = True) -> Json:
        path = f"conversations/{conversation_id}/messages/{seq}/reactions/"
        return dict(self.ok("PUT", path, {"emoji": emoji, "is_added": is_added}))

    def edit(self, conversation_id: int | str, seq: int, text: str, **calls: Any) -> Json:
        return dict(self.ok("PATCH", f"conversations/{conversation_id}/messages/{seq}/", {"text": text, **calls}))

    def recall(self, conversation_id: int | str, seq: int) -> Json:
        return dict(self.ok("POST", f"conversations/{conversation_id}/messages/{seq}/recall/"))

    def conversation(self, conversation_id: int | str) -> Json:
        return dict(self.get(f"conversations/{conversation_id}/"))

    def all(self, path: str) -> list[Json]:
        """Every page of a list."""
        found: list[Json] = []
        following: str | None = path
        while following:
            page = self.get(following)
            found += page["results"]
            following = page["next"]
        return found
