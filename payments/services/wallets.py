"""Freezing a wallet, and how much its person may pay."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from payments.accounts import wallet_accounts
from payments.events import MoneyMoved
from payments.ledger import services as ledger
from payments.ledger.models import Account
from payments.models import Approval, KnownPayee, LimitCounter, PaceCounter, Wallet
from payments.services.notes import note
from payments.services.pins import check_pin
from superapp.core import audit, limits
from superapp.core.errors import Conflict, Forbidden
from superapp.core.events import publish


@transaction.atomic
def freeze_wallet(*, user_id: int, actor_id: int | None, reason: str) -> None:
    """Nothing is paid out of the wallet and nothing into it, but for money that comes back. A reset of the PIN that is
    under way ends: whoever found the phone may have begun it. Repeatable.

    Its owner may, for a phone that is lost; what staff freeze (``actor_id`` is somebody else, or None for a rule) only
    staff can lift, also where the owner had frozen it before.
    """
    by = Wallet.FrozenBy.OWNER if actor_id == user_id else Wallet.FrozenBy.STAFF
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_wallet AS w (user_id, frozen_at, frozen_by, frozen_reason)
            VALUES (%(user)s, statement_timestamp(), %(by)s, %(reason)s)
            ON CONFLICT (user_id) DO UPDATE SET frozen_at = coalesce(w.frozen_at, excluded.frozen_at),
                frozen_by = excluded.frozen_by, frozen_reason = excluded.frozen_reason,
                reset_begun_at = NULL, reset_ready_at = NULL, reset_ends_at = NULL
            WHERE w.frozen_at IS NULL OR (w.frozen_by = 'owner' AND excluded.frozen_by = 'staff')
            """,
            {"user": user_id, "by": by, "reason": reason},
        )
        if not cursor.rowcount:
            return
    _set_status(user_id, Account.Status.FROZEN)
    note(user_id, "wallet_frozen", actor_id=actor_id, reason=reason, by=by)


@transaction.atomic
def unfreeze_wallet(*, user_id: int, actor_id: int | None, reason: str) -> None:
    """Repeatable. Raises ``Forbidden`` to the owner of a wallet that staff froze."""
    wallet = Wallet.objects.select_for_update(no_key=True).filter(user_id=user_id, frozen_at__isnull=False).first()
    if wallet is None:
        return
    if actor_id == user_id and wallet.frozen_by != Wallet.FrozenBy.OWNER:
        raise Forbidden
    Wallet.objects.filter(user_id=user_id).update(frozen_at=None, frozen_by="", frozen_reason="")
    _set_status(user_id, Account.Status.OPEN)
    note(user_id, "wallet_unfrozen", actor_id=actor_id, reason=reason)


def unfreeze_own_wallet(*, user_id: int, pin: str) -> None:
    """Call it outside a transaction. Raises ``Forbidden`` where staff froze it, and what ``check_pin`` does."""
    limits.take(action="payments.pin.user", subject=str(user_id))
    check_pin(user_id=user_id, pin=pin)
    unfreeze_wallet(user_id=user_id, actor_id=user_id, reason="")


@transaction.atomic
def set_tier(*, user_id: int, tier: str, actor_id: int | None, reason: str) -> None:
    """How much somebody may pay from now on: ``tier`` is one of ``WALLET_TIERS``. Repeatable."""
    wallet, _is_new = Wallet.objects.get_or_create(user_id=user_id)
    wallet = Wallet.objects.select_for_update(no_key=True).get(user_id=user_id)
    if wallet.tier == tier:
        return
    audit.record(
        actor_id=actor_id,
        action="payments.tier_changed",
        subject=("wallet", str(user_id)),
        before={"tier": wallet.tier},
        after={"tier": tier},
        reason=reason,
    )
    Wallet.objects.filter(user_id=user_id).update(tier=tier)


@transaction.atomic
def unlock_pin(*, user_id: int, actor_id: int, reason: str) -> None:
    """Let somebody try their PIN again at once, as if none had been wrong. Raises ``Conflict`` where none is locked."""
    wallet = Wallet.objects.select_for_update(no_key=True).filter(user_id=user_id).first()
    if wallet is None or wallet.pin_locked_until is None or wallet.pin_locked_until <= timezone.now():
        raise Conflict(_("This PIN is not locked."))
    audit.record(
        actor_id=actor_id,
        action="payments.pin_unlocked",
        subject=("wallet", str(user_id)),
        before={"locked_until": wallet.pin_locked_until, "locks": wallet.pin_locks},
        reason=reason,
    )
    Wallet.objects.filter(user_id=user_id).update(pin_failures=0, pin_locks=0, pin_locked_until=None)


def _set_status(user_id: int, status: Account.Status) -> None:
    """Of all their accounts, also those that nobody has opened yet: they would be open."""
    for account_id in sorted(_account_ids(user_id)):
        ledger.set_status(account_id=account_id, status=status)
    for currency in settings.WALLET_CURRENCIES:
        publish(MoneyMoved(user_ids=(user_id,), currency=currency))


def _account_ids(user_id: int) -> Iterator[int]:
    for currency in settings.WALLET_CURRENCIES:
        yield wallet_accounts(user_ids=[user_id], currency=currency)[user_id]


def erase_security(user_id: int) -> None:
    """Somebody has left, and their money before them. What is left in the ledger is no matter of PINs."""
    for model in (Approval, KnownPayee, LimitCounter, PaceCounter, Wallet):
        model.objects.filter(user_id=user_id).delete()
