"""Twilio Verify, which makes the code, sends it and checks it: its REST API, of which two calls are needed."""

from typing import Any, ClassVar, Literal

from django.conf import settings

from superapp.accounts.code_providers.calls import Calls
from superapp.accounts.errors import CodeExpired
from superapp.core.errors import Unavailable

# As Twilio writes our languages; it takes English where it does not know one.
LOCALES = {"en": "en", "fr": "fr", "zh-hans": "zh-CN"}


class TwilioVerify:
    checks_codes: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self._calls = Calls("twilio_verify")

    def start(self, *, phone: str, language: str) -> str:
        fields = {"To": phone, "Channel": "sms", "Locale": LOCALES.get(language, "en")}
        # Asked twice within ten minutes it sends the same code again: a second message, so never without need.
        response = self._post("Verifications", fields, is_repeatable=False)
        reference = _field(response, "sid")
        if response.status_code != 201 or not isinstance(reference, str) or not 0 < len(reference) <= 64:
            raise Unavailable
        return reference

    def check(self, *, reference: str, code: str) -> bool:
        response = self._post("VerificationCheck", {"VerificationSid": reference, "Code": code}, is_repeatable=False)
        if response.status_code == 404:
            # Used, run out, or guessed at too often there.
            raise CodeExpired
        if response.status_code == 400:
            return False
        if response.status_code != 200:
            raise Unavailable
        return _field(response, "status") == "approved"

    def _post(self, resource: str, fields: dict[str, str], *, is_repeatable: bool) -> Any:
        return self._calls.post(
            f"{settings.TWILIO_URL}/v2/Services/{settings.TWILIO_SERVICE_SID}/{resource}",
            data=fields,
            auth=(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN),
            is_repeatable=is_repeatable,
        )


def _field(response: Any, name: str) -> Any:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer.get(name) if isinstance(answer, dict) else None
