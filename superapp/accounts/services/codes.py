"""One-time codes: sent to a phone, checked against a row that counts every guess before it is compared."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import phonenumbers
import structlog
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from superapp.accounts.code_providers import Notifier, provider, whatever_breaks_is_an_outage
from superapp.accounts.errors import CodeExpired, CodeWrong, PhoneInvalid
from superapp.accounts.models import SignInCode
from superapp.core import limits
from superapp.core.errors import TooManyRequests

log = structlog.get_logger(__name__)

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
    """As ``send_code``, to whoever wants to sign in or up with this number."""
    return send_code(phone=phone, language=language, client_address=client_address, purpose=SignInCode.Purpose.SIGN_IN)


def send_code(
    *, phone: str, language: str, client_address: str, purpose: SignInCode.Purpose, user_id: int | None = None
) -> SentCode:
    """Send a new code. ``user_id``: who asked for it, unless that is for signing in.

    Known and unknown numbers take the same way, so the answer says nothing about either. Belongs outside any
    transaction: a provider is asked over the network. Raises ``PhoneInvalid``, ``TooManyRequests`` (of this number,
    from this address, or to this part of the world today), ``Unavailable`` (no limiter, or no provider).
    """
    phone = canonical_phone(phone)
    limits.take(action="accounts.send_code.address", subject=client_address)
    limits.take(action="accounts.send_code.phone", subject=phone)
    _count_against_cap(phone)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    challenge = secrets.token_urlsafe(24)
    sent = SignInCode.objects.create(
        challenge=challenge,
        phone=phone,
        language=language,
        # Where the provider makes the code, nothing that somebody types has this hash.
        code_hash="" if provider().checks_codes else _code_hash(challenge, code),
        expires_at=timezone.now() + settings.SIGN_IN_CODE_LIFETIME,
        purpose=purpose,
        user_id=user_id,
    )
    # The row is committed: no transaction waits for the network here.
    _hand_over(sent, code)
    return SentCode(challenge=challenge, expires_at=sent.expires_at)


def _hand_over(sent: SignInCode, code: str) -> None:
    """Raises ``Unavailable``; either way the row says how it ended."""
    chosen, outcome, reference = provider(), SignInCode.Outcome.FAILED, ""
    try:
        with whatever_breaks_is_an_outage():
            if chosen.checks_codes:
                reference = chosen.start(phone=sent.phone, language=sent.language)
            else:
                # Not the challenge, which is half of what opens the account.
                message_id = "code_" + hashlib.sha256(sent.challenge.encode()).hexdigest()[:32]
                chosen.send(phone=sent.phone, code=code, language=sent.language, message_id=message_id)
        outcome = SignInCode.Outcome.SENT
    finally:
        SignInCode.objects.filter(challenge=sent.challenge).update(outcome=outcome, provider_reference=reference)


def _count_against_cap(phone: str) -> None:
    """Somebody is paid for every message to some numbers, and asks for many: each prefix has its share of a day.

    Counted in a row, in one statement, before anything is sent. Raises ``TooManyRequests`` until midnight (UTC).
    """
    prefix, cap = _cap_of(phone)
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_code_count AS counted (prefix, day, sent)
            SELECT %(prefix)s, %(day)s, 1 WHERE %(cap)s > 0
            ON CONFLICT (prefix, day) DO UPDATE SET sent = counted.sent + 1 WHERE counted.sent < %(cap)s
            """,
            {"prefix": prefix, "day": now.date(), "cap": cap},
        )
        if cursor.rowcount:
            return
    log.error("codes.cap_reached", prefix=prefix, cap=cap)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    raise TooManyRequests(retry_after_seconds=(midnight - now).total_seconds())


def _cap_of(phone: str) -> tuple[str, int]:
    """The longest prefix in ``SIGN_IN_CODE_DAILY_CAPS`` that the number begins with, else its country's code."""
    caps: dict[str, int] = settings.SIGN_IN_CODE_DAILY_CAPS
    for length in range(len(phone), 1, -1):
        if phone[:length] in caps:
            return phone[:length], caps[phone[:length]]
    return f"+{phonenumbers.parse(phone).country_code}", caps["*"]


def redeem_code(
    *,
    challenge: str,
    code: str,
    purpose: SignInCode.Purpose = SignInCode.Purpose.SIGN_IN,
    user_id: int | None = None,
) -> SignInCode:
    """``check_code``, and it is used up."""
    sent = check_code(challenge=challenge, code=code, purpose=purpose, user_id=user_id)
    use_code(sent)
    return sent


def check_code(*, challenge: str, code: str, purpose: SignInCode.Purpose, user_id: int | None) -> SignInCode:
    """The sent code whose ``phone`` this proves to who asked for it, until somebody calls ``use_code``.

    Each call counts as a guess, committed before the comparison, so parallel guesses cannot outrun the cap; so it
    belongs outside any transaction. Raises ``CodeWrong``, ``CodeExpired``, with the seconds until the code is void
    ``TooManyRequests``, and ``Unavailable`` where the provider compares and is away.
    """
    sent = SignInCode.objects.filter(
        challenge=challenge, used_at=None, expires_at__gt=timezone.now(), purpose=purpose, user_id=user_id
    ).first()
    if sent is None:
        raise CodeExpired
    counted = SignInCode.objects.filter(
        challenge=challenge, used_at=None, attempts__lt=settings.SIGN_IN_CODE_MAX_ATTEMPTS
    ).update(attempts=F("attempts") + 1)
    if not counted:
        raise TooManyRequests(retry_after_seconds=(sent.expires_at - timezone.now()).total_seconds())
    if not _is_right(sent, code):
        raise CodeWrong
    return sent


def use_code(sent: SignInCode) -> None:
    """In the transaction that does what the code was for, or on its own. Raises ``CodeExpired`` the second time."""
    if not SignInCode.objects.filter(challenge=sent.challenge, used_at=None).update(used_at=timezone.now()):
        raise CodeExpired


def tell(*, phone: str, text: str, language: str, message_id: str) -> None:
    """Send a notice to a phone, where the provider of codes can. Repeatable with the same ``message_id``.

    Raises ``Unavailable``.
    """
    chosen = provider()
    if not isinstance(chosen, Notifier):
        log.info("codes.notice_not_sent", provider=type(chosen).__name__)
        return
    with whatever_breaks_is_an_outage():
        chosen.tell(phone=phone, text=text, language=language, message_id=message_id)


def _is_right(sent: SignInCode, code: str) -> bool:
    if sent.provider_reference:
        chosen = provider()
        if not chosen.checks_codes:
            # The provider was changed while this code was on its way.
            raise CodeExpired
        with whatever_breaks_is_an_outage():
            return chosen.check(reference=sent.provider_reference, code=code)
    return hmac.compare_digest(sent.code_hash, _code_hash(sent.challenge, code))


def _code_hash(challenge: str, code: str) -> str:
    # Keyed: whoever reads the table alone cannot try all million codes.
    return hmac.new(settings.SECRET_KEY.encode(), f"{challenge}:{code}".encode(), hashlib.sha256).hexdigest()
