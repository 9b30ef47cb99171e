"""How one-time codes reach a phone. ``SIGN_IN_CODE_PROVIDER`` names the class of the provider.

There are two kinds. Most send a code that we made and check ourselves. Some (``checks_codes``) make the code, send it
and say whether what somebody typed is right; guesses are counted by us in either case, before anybody compares.
"""

import functools
import sys
from typing import ClassVar, Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Sender(Protocol):
    checks_codes: ClassVar[Literal[False]]

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        """Hand the code over within a few seconds. Raises ``Unavailable`` when it could not.

        ``message_id`` is the same for every attempt at one code, so that none arrives twice.
        """


class Verifier(Protocol):
    checks_codes: ClassVar[Literal[True]]

    def start(self, *, phone: str, language: str) -> str:
        """Make and send a code; returns the provider's name for it. Raises ``Unavailable``."""

    def check(self, *, reference: str, code: str) -> bool:
        """Whether it is the code. Raises ``CodeExpired`` when there is none any more, ``Unavailable``."""


class Terminal:
    """For developers: the code appears where the server runs."""

    checks_codes: ClassVar[Literal[False]] = False

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        sys.stdout.write(f"sign-in code for {phone}: {code}\n")
        sys.stdout.flush()


def provider() -> Sender | Verifier:
    return _provider(settings.SIGN_IN_CODE_PROVIDER)


@functools.cache
def _provider(path: str) -> Sender | Verifier:
    chosen: Sender | Verifier = import_string(path)()
    return chosen
