"""How one-time codes reach a phone. A provider is named by ``SIGN_IN_CODE_PROVIDER``."""

import sys
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class CodeProvider(Protocol):
    def send(self, *, phone: str, code: str, language: str) -> None:
        """Hand the code over within a few seconds. Raises ``Unavailable`` when it could not."""


class Terminal:
    """For developers: the code appears where the server runs."""

    def send(self, *, phone: str, code: str, language: str) -> None:
        sys.stdout.write(f"sign-in code for {phone}: {code}\n")
        sys.stdout.flush()


def provider() -> CodeProvider:
    chosen: CodeProvider = import_string(settings.SIGN_IN_CODE_PROVIDER)()
    return chosen
