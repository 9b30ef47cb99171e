"""People for tests. They sign in through the services and then call the API as their devices would."""

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.services import Session

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


class QuickArgon2(Argon2PasswordHasher):
    """The real one with less to do. ``compared``: the passwords that it was asked about."""

    time_cost, memory_cost, parallelism = 1, 64, 1
    compared: ClassVar[list[str]] = []

    def verify(self, password: str, encoded: str) -> bool:
        self.compared.append(password)
        return super().verify(password, encoded)


def new_phone() -> str:
    """A number that nobody in this process has had."""
    return f"+33612{next(_numbers):06}"


def new_handle() -> str:
    return f"person_{next(_numbers)}"


class Caller(Client):
    """Calls the API with JSON. ``token``: an access token; without it the calls are anonymous."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(raise_request_exception=False, **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """``headers`` as in a WSGI environment: ``HTTP_IDEMPOTENCY_KEY=…``."""
        if body is None:
            return self.generic(method, path, **headers)
        return getattr(self, method.lower())(path, data=body, content_type="application/json", **headers)


@dataclass
class Person:
    """Somebody with one signed-in device."""

    id: int
    phone: str
    handle: str | None
    session: Session

    @property
    def api(self) -> Caller:
        return Caller(self.session.access.text)

    @property
    def device_id(self) -> int:
        return self.session.device.id

    def another_device(self, name: str = "Another") -> Session:
        return services.start_session(user_id=self.id, device_name=name, platform="web")


def person(*, handle: str | None = None, password: str | None = None, display_name: str = "Ada") -> Person:
    phone = new_phone()
    user = services.create_user(phone=phone, display_name=display_name, handle=handle, password=password)
    session = services.start_session(user_id=user.id, device_name="Phone", platform="ios")
    return Person(id=user.id, phone=phone, handle=user.handle, session=session)


# --- One-time codes ---------------------------------------------------------------------------------------------------

#: What the provider below was given, newest last: (phone, code, language).
sent: list[tuple[str, str, str]] = []


#: The notices it was given: (phone, text, language).
told: list[tuple[str, str, str]] = []


class Postbox:
    """A provider that keeps the codes where a test can read them."""

    checks_codes = False

    def tell(self, *, phone: str, text: str, language: str, message_id: str) -> None:
        told.append((phone, text, language))

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        sent.append((phone, code, language))


def code_for(phone: str) -> str:
    """The newest code that was sent to ``phone``."""
    return next(code for number, code, _ in reversed(sent) if number == phone)


def use_postbox(settings: Settings) -> None:
    settings.SIGN_IN_CODE_PROVIDER = f"{__name__}.Postbox"
