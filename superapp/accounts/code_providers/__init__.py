"""How one-time codes reach a phone. ``SIGN_IN_CODE_PROVIDER`` names the class of the provider.

There are two kinds. Most send a code that we made and check ourselves. Some (``checks_codes``) make the code, send it
and say whether what somebody typed is right; guesses are counted by us in either case, before anybody compares.
"""

import functools
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal, Protocol, runtime_checkable

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from superapp.core.errors import DomainError, Unavailable

log = structlog.get_logger(__name__)


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


@runtime_checkable
class Notifier(Protocol):
    """A provider of either kind that can also say something: that an account no longer has this number."""

    def tell(self, *, phone: str, text: str, language: str, message_id: str) -> None:
        """Hand the notice over. Raises ``Unavailable``; ``message_id`` as in ``Sender``."""


class Terminal:
    """For developers: the code appears where the server runs."""

    checks_codes: ClassVar[Literal[False]] = False

    def send(self, *, phone: str, code: str, language: str, message_id: str) -> None:
        sys.stdout.write(f"sign-in code for {phone}: {code}\n")
        sys.stdout.flush()

    def tell(self, *, phone: str, text: str, language: str, message_id: str) -> None:
        sys.stdout.write(f"notice for {phone}: {text}\n")
        sys.stdout.flush()


@contextmanager
def whatever_breaks_is_an_outage() -> Iterator[None]:
    """Somebody else's library may break in any way; to whoever waits for a code it is the same: ``Unavailable``."""
    try:
        yield
    except DomainError:
        raise
    except Exception as error:
        # Where, and not in which words: the code or the number may stand in them.
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error("accounts.code_provider_broke", error=type(error).__name__, file=where.filename, line=where.lineno)
        raise Unavailable from None


def provider() -> Sender | Verifier:
    return _provider(settings.SIGN_IN_CODE_PROVIDER)


@functools.cache
def _provider(path: str) -> Sender | Verifier:
    chosen: Sender | Verifier = import_string(path)()
    return chosen
