"""How safe somebody's wallet is, and what they may still pay. Only they see it."""

from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from payments.models import Wallet
from payments.tiers import Caps, caps_of
from superapp.core.money import Money

Json = dict[str, Any]


def wallet_security(user_id: int) -> Json:
    """As the API shows it. Two statements, whatever there is."""
    wallet = Wallet.objects.filter(user_id=user_id).first() or Wallet(
        user_id=user_id, tier=Wallet.Tier.BASIC, pin_hash="", frozen_by="", frozen_reason=""
    )
    now = timezone.now()
    is_lowered = wallet.lowered_until is not None and wallet.lowered_until > now
    has_reset = wallet.reset_ends_at is not None and wallet.reset_ends_at > now
    is_locked = wallet.pin_locked_until is not None and wallet.pin_locked_until > now
    return {
        "has_pin": bool(wallet.pin_hash),
        "pin_set_at": wallet.pin_set_at,
        "locked_until": wallet.pin_locked_until if is_locked else None,
        "tier": wallet.tier,
        "lowered_until": wallet.lowered_until if is_lowered else None,
        "limits": _limits(user_id, wallet.tier, is_lowered=is_lowered),
        "frozen": {"at": wallet.frozen_at, "by": wallet.frozen_by} if wallet.frozen_at else None,
        "pin_reset": {
            "begun_at": wallet.reset_begun_at,
            "ready_at": wallet.reset_ready_at,
            "ends_at": wallet.reset_ends_at,
        }
        if has_reset
        else None,
    }


def _limits(user_id: int, tier: str, *, is_lowered: bool) -> list[Json]:
    spent = _spent(user_id)
    return [
        _limit(currency, caps_of(tier, currency, is_lowered=is_lowered), spent)
        for currency in settings.WALLET_CURRENCIES
    ]


def _limit(currency: str, caps: Caps, spent: dict[tuple[str, str], int]) -> Json:
    def shown(cap: int, period: str) -> Json:
        used = spent.get((period, currency), 0)
        return {
            "limit": Money(cap, currency),
            "used": Money(used, currency),
            "left": Money(max(cap - used, 0), currency),
        }

    return {
        "currency": currency,
        "per_payment": Money(caps.per_payment, currency),
        "day": shown(caps.day, "day"),
        "year": shown(caps.year, "year"),
    }


def _spent(user_id: int) -> dict[tuple[str, str], int]:
    """What was paid today and this year, by ``(day or year, currency)``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(period, ':', 1), currency, spent_minor FROM payments_limit_counter WHERE user_id = %s"
            " AND period IN ('day:' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'),"
            " 'year:' || to_char(now() AT TIME ZONE 'UTC', 'YYYY'))",
            [user_id],
        )
        return {(period, currency): spent for period, currency, spent in cursor.fetchall()}
