"""One-time codes: sent to a phone, checked against a row that counts every guess before it is compared."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import phonenumbers
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from superapp.accounts.code_providers import provider
from superapp.accounts.errors import CodeExpired, CodeWrong, PhoneInvalid
from superapp.accounts.models import SignInCode
from superapp.core import limits
from superapp.core.errors import TooManyRequests

CODE_DIGITS = 6
# E.164: at most fifteen digits after the plus. Some national plans have room for more.
_LONGEST_PHONE = 16


# Lines that somebody is paid for when a code is sent to them, and lines that no person answers.
_NOBODYS_PHONE = frozenset(
    {
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PAGER,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.VOICEMAIL,
    }
)


@dataclass(frozen=True)
class SentCode:
    """``challenge`` must come back together with the code; on its own it is worth nothing."""

    challenge: str
    expires_at: datetime


def canonical_phone(text: str) -> str:
    """The number in E.164. Raises ``PhoneInvalid`` unless it starts with +, can exist and costs no more than others."""
    if not text.lstrip().startswith("+"):
        raise PhoneInvalid
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise PhoneInvalid from None
    phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(number) or len(phone) > _LONGEST_PHONE:
        raise PhoneInvalid
    if phonenumbers.number_type(number) in _NOBODYS_PHONE:
        raise PhoneInvalid
    return phone


def send_sign_in_code(*, phone: str, language: str, client_address: str) -> SentCode:
    """Send a new code. Known and unknown numbers take the same way, so the answer says nothing about either.

    Raises ``PhoneInvalid``, ``TooManyRequests``, ``Unavailable`` (no limiter, or the provider could not send).
    """
    phone = canonical_phone(phone)
    limits.take(action="accounts.send_code.address", subject=client_address)
    limits.take(action="accounts.send_code.phone", subject=phone)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    sent = SignInCode.objects.create(
        challenge=(challenge := secrets.token_urlsafe(24)),
        phone=phone,
        language=language,
        code_hash=_code_hash(challenge, code),
        expires_at=timezone.now() + settings.SIGN_IN_CODE_LIFETIME,
    )
    # The row is committed: no transaction waits for the network here.
    provider().send(phone=phone, code=code, language=language)
    return SentCode(challenge=challenge, expires_at=sent.expires_at)


def redeem_code(*, challenge: str, code: str) -> SignInCode:
    """The sent code whose ``phone`` this proves; it is used up.

    Each call counts as a guess, committed before the comparison, so parallel guesses cannot outrun the cap.
    Raises ``CodeWrong``, ``CodeExpired`` or, with the seconds until the code is void, ``TooManyRequests``.
    """
    sent = SignInCode.objects.filter(challenge=challenge, used_at=None, expires_at__gt=timezone.now()).first()
    if sent is None:
        raise CodeExpired
    counted = SignInCode.objects.filter(
        challenge=challenge, used_at=None, attempts__lt=settings.SIGN_IN_CODE_MAX_ATTEMPTS
    ).update(attempts=F("attempts") + 1)
    if not counted:
        raise TooManyRequests(retry_after_seconds=(sent.expires_at - timezone.now()).total_seconds())
    if not hmac.compare_digest(sent.code_hash, _code_hash(challenge, code)):
        raise CodeWrong
    if not SignInCode.objects.filter(challenge=challenge, used_at=None).update(used_at=timezone.now()):
        raise CodeExpired
    return sent


def _code_hash(challenge: str, code: str) -> str:
    # Keyed: whoever reads the table alone cannot try all million codes.
    return hmac.new(settings.SECRET_KEY.encode(), f"{challenge}:{code}".encode(), hashlib.sha256).hexdigest()
