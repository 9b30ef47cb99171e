"""A provider behind one URL: JSON, signed as Standard Webhooks are, so that one's own gateway is an evening's work.

``POST SIGN_IN_CODE_URL`` with ``{"type": "sign_in_code.send", "timestamp", "data": {"phone", "code", "language"}}`` and
the headers ``webhook-id`` (the same for every attempt at one code), ``webhook-timestamp`` (seconds since 1970) and
``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``. Any 2xx means: on its way.

``{"type": "notice.send", …, "data": {"phone", "text", "language"}}`` is a sentence to be sent as it is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import ClassVar, Literal

from django.conf import settings

from superapp.accounts.code_providers.calls import Calls
from superapp.core.errors import Unavailable


class SignedHttp:
    checks_codes: ClassVar[Literal[False]] = False

    def __init__(self) -> None:
        self._calls = Calls("sign_in_code_url")

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        self._post("sign_in_code.send", message_id, {"phone": phone, "code": code, "language": language})

    def tell(self, *, phone: str, text: str, language: str, message_id: str) -> None:
        self._post("notice.send", message_id, {"phone": phone, "text": text, "language": language})

    def _post(self, kind: str, message_id: str, data: dict[str, str]) -> None:
        now = int(time.time())
        message = {
            "type": kind,
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
            "data": data,
        }
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(settings.SIGN_IN_CODE_SECRET, message_id, now, body),
        }
        # Its id makes a repetition harmless, so an answer that never came may be asked for again.
        response = self._calls.post(settings.SIGN_IN_CODE_URL, content=body, headers=headers, is_repeatable=True)
        if not response.is_success:
            raise Unavailable


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """Of a Standard Webhooks secret (``whsec_`` and base64), or of any other text. Raises ``ValueError``."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a secret that begins with whsec_ goes on in base64") from None
