"""Whether somebody may make a payment: asked by every flow that takes money from a person, in its own transaction."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from payments.errors import ApprovalInvalid, ApprovalRequired, PinNotSet, WalletFrozen
from payments.ledger.errors import InvalidAmount
from payments.models import Wallet
from payments.services import risk
from payments.services.limits import check_amount, refuse_period
from payments.services.pins import check_pin
from payments.tiers import Caps, caps_of
from superapp.core import limits, tokens
from superapp.core.money import Money

_KIND = "approval"


@dataclass(frozen=True)
class IssuedApproval:
    """``approval`` exists only here."""

    approval: str
    expires_at: datetime


@dataclass(frozen=True)
class _Payer:
    has_pin: bool
    is_frozen: bool
    tier: str
    is_lowered: bool
    is_known_payee: bool
    pin_free_before: int
    payments_before: int


@dataclass(frozen=True)
class _Taken:
    """What one payment changed."""

    periods: set[str]
    pin_free: int
    payments: int
    is_approved: bool


def authorise(
    *,
    payer_id: int,
    kind: str,
    payee: str,
    amount_minor: int,
    currency: str,
    approval: str | None,
    device_id: int | None = None,
) -> None:
    """Let a payment pass, count it, and use its approval up, in the caller's transaction. Two statements.

    ``payee``: ``user:<id>``, ``conversation:<id>`` for what a group is given, ``<purpose>/<reference>`` for products.
    ``device_id``: the device that asks; None where no device does. Belongs after the payment's own row and before the
    ledger in the order of locks. A refusal is not to be caught there: what was counted until then goes with the
    transaction, and so does the use of an approval.

    Raises ``WalletFrozen``, ``PinNotSet``, ``LimitExceeded``, ``ApprovalInvalid`` (given, but not for this payment, or
    used, or expired) and ``ApprovalRequired``, whose details are what to ask an approval for.
    """
    assert transaction.get_connection().in_atomic_block, "authorise() belongs inside the payment's transaction"
    if amount_minor < 1:
        raise InvalidAmount
    payer = _payer(payer_id, payee)
    if payer.is_frozen:
        raise WalletFrozen
    if not payer.has_pin:
        raise PinNotSet
    caps = caps_of(payer.tier, currency, is_lowered=payer.is_lowered)
    check_amount(amount_minor, currency, caps)
    taken = _take(payer_id, kind, payee, Money(amount_minor, currency), caps, approval)
    if taken.periods != {"day", "year"}:
        refuse_period(payer_id, currency, caps, taken.periods)
    if approval is not None:
        if not taken.is_approved:
            raise ApprovalInvalid
        return
    facts = risk.Facts(
        amount_minor=amount_minor,
        currency=currency,
        payee=payee,
        is_known_payee=payer.is_known_payee,
        device_id=device_id,
        pin_free_today=payer.pin_free_before + taken.pin_free,
        payments_lately=payer.payments_before + taken.payments,
        is_lowered=payer.is_lowered,
    )
    if reasons := risk.reasons(facts):
        raise ApprovalRequired(kind=kind, payee=payee, amount=Money(amount_minor, currency).as_json(), reasons=reasons)


def issue_approval(*, user_id: int, pin: str, kind: str, payee: str, amount: Money) -> IssuedApproval:
    """Approve one payment by the PIN. Call it outside a transaction.

    Raises ``WalletFrozen`` and what ``check_pin`` does.
    """
    limits.take(action="payments.pin.user", subject=str(user_id))
    if Wallet.objects.filter(user_id=user_id, frozen_at__isnull=False).exists():
        raise WalletFrozen
    check_pin(user_id=user_id, pin=pin)
    token = tokens.issue(_KIND, owner_id=user_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_approval (user_id, digest, kind, payee, amount_minor, currency, expires_at)
            VALUES (%s, %s, %s, %s, %s, %s, statement_timestamp() + make_interval(secs => %s)) RETURNING expires_at
            """,
            [
                user_id,
                token.digest,
                kind,
                payee,
                amount.amount_minor,
                amount.currency,
                settings.APPROVAL_LIFETIME.total_seconds(),
            ],
        )
        return IssuedApproval(approval=token.text, expires_at=cursor.fetchone()[0])


def _payer(user_id: int, payee: str) -> _Payer:
    """Without locks: the ledger's own look at the account comes later and is the one that counts for a freeze."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(w.pin_hash <> '', false), w.frozen_at IS NOT NULL, coalesce(w.tier, 'basic'),
                coalesce(w.lowered_until > now(), false),
                EXISTS (SELECT 1 FROM payments_known_payee WHERE user_id = %(user)s AND payee = %(payee)s),
                p.pin_free, p.payments
            FROM (
                SELECT
                    coalesce(sum(pin_free) FILTER (WHERE hour >= date_trunc('day', now(), 'UTC')), 0)::int AS pin_free,
                    coalesce(sum(payments) FILTER (
                        WHERE hour = date_trunc('hour', now(), 'UTC') - interval '1 hour'), 0)::int AS payments
                FROM payments_pace_counter
                WHERE user_id = %(user)s AND hour < date_trunc('hour', now(), 'UTC')
                AND hour >= date_trunc('day', now(), 'UTC') - interval '1 hour') AS p
            LEFT JOIN payments_wallet AS w ON w.user_id = %(user)s
            """,
            {"user": user_id, "payee": payee},
        )
        return _Payer(*cursor.fetchone())


def _take(user_id: int, kind: str, payee: str, amount: Money, caps: Caps, approval: str | None) -> _Taken:
    """Everything that a payment changes here, in one statement: of two at once the second sees what the first did.

    A counter that has no room is left out of what comes back.
    """
    token = tokens.parse(_KIND, approval) if approval is not None else None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH spent AS (
                INSERT INTO payments_limit_counter AS c (user_id, period, currency, spent_minor)
                SELECT %(user)s, p.name, %(currency)s, %(amount)s
                FROM (VALUES ('day:' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), %(day)s::bigint),
                             ('year:' || to_char(now() AT TIME ZONE 'UTC', 'YYYY'), %(year)s)) AS p(name, cap)
                WHERE %(amount)s <= p.cap ORDER BY p.name
                ON CONFLICT (user_id, period, currency) DO UPDATE SET spent_minor = c.spent_minor + excluded.spent_minor
                WHERE c.spent_minor + excluded.spent_minor
                    <= CASE WHEN starts_with(c.period, 'day:') THEN %(day)s ELSE %(year)s END
                RETURNING split_part(c.period, ':', 1) AS period),
            pace AS (
                INSERT INTO payments_pace_counter AS c (user_id, hour, payments, pin_free)
                VALUES (%(user)s, date_trunc('hour', now(), 'UTC'), 1, %(pin_free)s)
                ON CONFLICT (user_id, hour) DO UPDATE SET
                    payments = c.payments + 1, pin_free = c.pin_free + excluded.pin_free
                RETURNING pin_free, payments),
            known AS (
                INSERT INTO payments_known_payee (user_id, payee)
                SELECT %(user)s, %(payee)s WHERE %(is_remembered)s
                ON CONFLICT DO NOTHING),
            used AS (
                UPDATE payments_approval SET used_at = statement_timestamp()
                WHERE user_id = %(user)s AND digest = %(digest)s AND kind = %(kind)s AND payee = %(payee)s
                AND amount_minor = %(amount)s AND currency = %(currency)s
                AND used_at IS NULL AND expires_at > statement_timestamp()
                RETURNING 1)
            SELECT (SELECT array_agg(period) FROM spent), pace.pin_free, pace.payments, EXISTS (SELECT 1 FROM used)
            FROM pace
            """,
            {
                "user": user_id,
                "kind": kind,
                "payee": payee,
                "amount": amount.amount_minor,
                "currency": amount.currency,
                "day": caps.day,
                "year": caps.year,
                "pin_free": 0 if approval is not None else 1,
                "is_remembered": risk.is_remembered(payee),
                "digest": token.digest if token and token.owner_id == user_id else "",
            },
        )
        periods, pin_free, payments, is_approved = cursor.fetchone()
    return _Taken(periods=set(periods or []), pin_free=pin_free, payments=payments, is_approved=is_approved)
