"""Secrets of second factors are kept encrypted: whoever reads the table alone cannot make anybody's codes."""

import base64
import functools

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def encrypt(text: str) -> str:
    return _cipher(_keys()).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    return _cipher(_keys()).decrypt(text.encode()).decode()


def _keys() -> tuple[str, ...]:
    # While a key is being replaced, the old one still reads what it wrote.
    return (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))


@functools.cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=None, info=b"superapp second factor").derive(key.encode())
