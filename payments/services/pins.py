"""The payment PIN: six digits, guessed at no more often than the ladder of locks allows.

A guess is compared without any lock, because that takes a while on purpose. Then the person's row is locked, the guess
is counted, and only once that is committed does anybody learn whether it was right. So however many come at once, they
are answered one after the other, and none after the last that was allowed: not even the right one.
"""

import hashlib
import hmac
import itertools
import re
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django.utils import timezone

from payments.errors import (
    PinAlreadySet,
    PinLocked,
    PinNotSet,
    PinResetNotReady,
    PinTooSimple,
    PinWrong,
    ProofRequired,
    WalletFrozen,
)
from payments.models import Approval, Wallet
from payments.services.notes import note
from superapp.accounts import selectors as accounts
from superapp.accounts import services as people
from superapp.core import audit, ids, limits
from superapp.core.api.fields import rfc3339
from superapp.core.errors import Conflict, DomainError, NotFound

_PIN = """SELECT pin_hash, pin_failures, pin_locks, pin_locked_until, clock_timestamp()
    FROM payments_wallet WHERE user_id = %s AND pin_hash <> ''"""
_RESET = """SELECT reset_ready_at, reset_ready_at <= clock_timestamp()
    FROM payments_wallet WHERE user_id = %s AND reset_ends_at > clock_timestamp()"""
_LOCKED = " FOR NO KEY UPDATE"
_FORM = re.compile(r"[0-9]{6}", re.ASCII)


@dataclass(frozen=True)
class _Guarded:
    """The row of somebody's PIN as it is while its lock is held, and the database's time."""

    pin_hash: str
    failures: int
    locks: int
    locked_until: datetime | None
    now: datetime

    @property
    def is_locked(self) -> bool:
        return self.locked_until is not None and self.locked_until > self.now


def set_pin(*, user_id: int, pin: str, device_id: int, password: str = "", challenge: str = "", code: str = "") -> None:
    """Choose the first PIN. Call it outside a transaction.

    Who it is shows the password, a code to one's own phone, or that this device signed in a short while ago.

    Raises ``TermsRequired``, ``PinTooSimple``, ``ProofRequired``, ``PinAlreadySet``, ``TooManyRequests`` and what
    ``prove_again`` does.
    """
    limits.take(action="payments.pin.user", subject=str(user_id))
    people.require_terms(user_id=user_id)
    _check_strength(user_id, pin)
    if password or challenge:
        people.prove_again(actor_id=user_id, password=password, challenge=challenge, code=code)
    elif ids.made_at(device_id) < timezone.now() - settings.FIRST_PASSWORD_WITHIN:
        raise ProofRequired
    pin_hash = _hash(user_id, pin)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_wallet AS w (user_id, pin_hash, pin_set_at)
            VALUES (%s, %s, statement_timestamp())
            ON CONFLICT (user_id) DO UPDATE SET pin_hash = excluded.pin_hash, pin_set_at = excluded.pin_set_at
            WHERE w.pin_hash = ''
            """,
            [user_id, pin_hash],
        )
        if not cursor.rowcount:
            raise PinAlreadySet
        note(user_id, "pin_set", actor_id=user_id)


def change_pin(*, user_id: int, current_pin: str, new_pin: str) -> None:
    """Choose another PIN, with the one that there is. A reset under way ends. Call it outside a transaction.

    Raises ``PinTooSimple``, and what ``check_pin`` does.
    """
    limits.take(action="payments.pin.user", subject=str(user_id))
    _check_strength(user_id, new_pin)
    seen = check_pin(user_id=user_id, pin=current_pin)
    pin_hash = _hash(user_id, new_pin)
    with transaction.atomic():
        if not Wallet.objects.filter(user_id=user_id, pin_hash=seen).update(**_new_pin(pin_hash)):
            raise Conflict
        _forget_approvals(user_id)
        note(user_id, "pin_changed", actor_id=user_id)


def check_pin(*, user_id: int, pin: str) -> str:
    """Compare and count. Returns the hash that it fits. Call it outside a transaction: a count must not roll back.

    Raises ``PinNotSet``, ``PinWrong``, ``PinLocked`` (also to the right one), and ``Conflict`` when it was changed
    meanwhile.
    """
    before = _read(user_id, for_update=False)
    if before.is_locked:
        raise _locked(before.locked_until, before.now)
    is_right = check_password(_peppered(user_id, pin), before.pin_hash)
    if refusal := _count(user_id, before.pin_hash, is_right=is_right):
        raise refusal
    return before.pin_hash


def begin_pin_reset(*, user_id: int, challenge: str, code: str) -> None:
    """Forgotten: prove the phone, then wait. Meanwhile the old PIN counts, and any device can stop it. Repeatable: one
    that is under way goes on. Where the number changed a short while ago, which signs the other devices out, the wait
    begins when limits are what they were. Of a frozen wallet none begins: whoever found the phone could lift the freeze
    by it. Call it outside a transaction.

    Raises ``PinNotSet``, ``WalletFrozen`` and what ``prove_again`` does.
    """
    wallet = Wallet.objects.filter(user_id=user_id).exclude(pin_hash="").first()
    if wallet is None:
        raise PinNotSet
    if wallet.frozen_at is not None:
        raise WalletFrozen
    people.prove_again(actor_id=user_id, challenge=challenge, code=code)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payments_wallet SET reset_begun_at = statement_timestamp(),
                reset_ready_at = GREATEST(statement_timestamp(), lowered_until) + make_interval(secs => %(wait)s),
                reset_ends_at =
                    GREATEST(statement_timestamp(), lowered_until) + make_interval(secs => %(wait)s + %(open)s)
            WHERE user_id = %(user)s AND frozen_at IS NULL
                AND (reset_ends_at IS NULL OR reset_ends_at <= statement_timestamp())
            RETURNING reset_ready_at
            """,
            {
                "user": user_id,
                "wait": settings.PIN_RESET_WAIT.total_seconds(),
                "open": settings.PIN_RESET_OPEN_FOR.total_seconds(),
            },
        )
        if row := cursor.fetchone():
            note(user_id, "pin_reset_begun", actor_id=user_id, ready_at=rfc3339(row[0]))


@transaction.atomic
def cancel_pin_reset(*, user_id: int) -> None:
    """The old PIN stays. Repeatable."""
    if Wallet.objects.filter(user_id=user_id, reset_begun_at__isnull=False).update(**_NO_RESET):
        note(user_id, "pin_reset_cancelled", actor_id=user_id)


def complete_pin_reset(*, user_id: int, pin: str, challenge: str, code: str) -> None:
    """Choose another PIN once the waiting time is over, by one more code to the phone. Ends a lock.

    Call it outside a transaction. Raises ``NotFound`` where no reset is under way, ``PinResetNotReady``,
    ``PinTooSimple`` and what ``prove_again`` does.
    """
    _check_ready(user_id, for_update=False)
    _check_strength(user_id, pin)
    people.prove_again(actor_id=user_id, challenge=challenge, code=code)
    pin_hash = _hash(user_id, pin)
    with transaction.atomic():
        # Somebody may have stopped it meanwhile.
        _check_ready(user_id, for_update=True)
        Wallet.objects.filter(user_id=user_id).update(**_new_pin(pin_hash))
        _forget_approvals(user_id)
        note(user_id, "pin_reset", actor_id=user_id)


@transaction.atomic
def lower_limits(*, user_id: int, changed_at: datetime) -> None:
    """The phone number changed: less may be paid for a while, and nothing is reset by a code to the new one.

    Repeatable.
    """
    lowered_until = changed_at + settings.WALLET_LOWERED_FOR
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_wallet AS w (user_id, lowered_until) VALUES (%s, %s)
            ON CONFLICT (user_id) DO UPDATE SET lowered_until = GREATEST(w.lowered_until, excluded.lowered_until)
            """,
            [user_id, lowered_until],
        )
    Wallet.objects.filter(user_id=user_id, reset_begun_at__lte=changed_at).update(**_NO_RESET)
    audit.record(
        actor_id=None,
        action="payments.limits_lowered",
        subject=("wallet", str(user_id)),
        after={"until": rfc3339(lowered_until)},
    )


_NO_RESET = {"reset_begun_at": None, "reset_ready_at": None, "reset_ends_at": None}


def _new_pin(pin_hash: str) -> dict[str, object]:
    return {
        "pin_hash": pin_hash,
        "pin_set_at": timezone.now(),
        "pin_failures": 0,
        "pin_locks": 0,
        "pin_locked_until": None,
        **_NO_RESET,
    }


def _forget_approvals(user_id: int) -> None:
    """What the old PIN approved and nobody has used."""
    Approval.objects.filter(user_id=user_id, used_at=None).delete()


@transaction.atomic
def _count(user_id: int, compared: str, *, is_right: bool) -> DomainError | None:
    """What to raise after the commit: raised in here it would take the count with it."""
    row = _read(user_id, for_update=True)
    if row.is_locked:
        return _locked(row.locked_until, row.now)
    if row.pin_hash != compared:
        return Conflict()
    wallet = Wallet.objects.filter(user_id=user_id)
    if is_right:
        if row.failures or row.locks:
            wallet.update(pin_failures=0, pin_locks=0, pin_locked_until=None)
        return None
    # After a lock the count begins anew.
    failures = (0 if row.locked_until else row.failures) + 1
    if failures < settings.PIN_MAX_FAILURES:
        wallet.update(pin_failures=failures, pin_locked_until=None)
        return PinWrong(attempts_left=settings.PIN_MAX_FAILURES - failures)
    lock = settings.PIN_LOCKS[min(row.locks, len(settings.PIN_LOCKS) - 1)]
    locked_until = row.now + lock
    wallet.update(pin_failures=failures, pin_locks=row.locks + 1, pin_locked_until=locked_until)
    note(user_id, "pin_locked", actor_id=None, until=rfc3339(locked_until))
    return _locked(locked_until, row.now)


def _read(user_id: int, *, for_update: bool) -> _Guarded:
    """Raises ``PinNotSet``."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PIN + _LOCKED if for_update else _PIN,
            [user_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise PinNotSet
    return _Guarded(*row)


def _locked(until: datetime | None, now: datetime) -> PinLocked:
    assert until is not None
    return PinLocked(retry_after_seconds=(until - now).total_seconds(), locked_until=rfc3339(until))


def _check_ready(user_id: int, *, for_update: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _RESET + _LOCKED if for_update else _RESET,
            [user_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    if not row[1]:
        raise PinResetNotReady(ready_at=rfc3339(row[0]))


# --- What a PIN may be ------------------------------------------------------------------------------------------------


def _check_strength(user_id: int, pin: str) -> None:
    """Raises ``PinTooSimple``. The shape is the border's affair; a caller from inside is held to it as well."""
    assert _FORM.fullmatch(pin), "a PIN has six digits"
    user = accounts.active_user(user_id)
    if is_simple(pin) or pin in _days(user.birth_date) or (user.phone or "").endswith(pin):
        raise PinTooSimple


def is_simple(pin: str) -> bool:
    """One digit, a run up or down (also over the nine), or a pair or three digits repeated."""
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    return steps in ({0}, {1}, {9}) or pin == pin[:2] * 3 or pin == pin[:3] * 2


def _days(born: date | None) -> set[str]:
    """A birthday as people write it."""
    if born is None:
        return set()
    return {f"{born:{form}}" for form in ("%d%m%y", "%m%d%y", "%y%m%d", "%Y%m", "%m%Y")}


def _hash(user_id: int, pin: str) -> str:
    return make_password(_peppered(user_id, pin))


def _peppered(user_id: int, pin: str) -> str:
    """A million PINs are tried in no time by whoever has the table; without the pepper, which is not in it, in vain."""
    return hmac.new(settings.PAYMENT_PIN_PEPPER.encode(), f"{user_id}:{pin}".encode(), hashlib.sha256).hexdigest()
