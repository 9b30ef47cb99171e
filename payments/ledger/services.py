"""Money moves here and nowhere else: one function in Postgres for each primitive, called in one trip.

Each joins the caller's transaction. A refusal raises, and with it the caller's whole transaction rolls back: nothing of
it may be caught inside. ``(purpose, reference, step)`` makes every movement repeatable: the same again moves nothing
and returns what the first one made, anything else under the same three is ``IdempotencyConflict``.

Amounts are in minor units, from 1 to ``MAX_AMOUNT_MINOR``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction

from payments.ledger import functions, selectors
from payments.ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotEmpty,
    AlreadyReversed,
    BalanceTooHigh,
    CaptureTooHigh,
    CurrencyMismatch,
    HoldEnded,
    HoldTooLow,
    InsufficientFunds,
    InvalidAmount,
    SameAccount,
)
from payments.ledger.models import Account
from payments.ledger.registry import house
from payments.ledger.registry import house_account as house_account
from superapp.core import loops
from superapp.core.errors import DomainError, IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from superapp.core.leases import Lease
from superapp.core.money import MAX_AMOUNT_MINOR

log = structlog.get_logger(__name__)

#: Postings into these take no lock; a loop folds them in.
APPENDED = frozenset({Account.Kind.MERCHANT, Account.Kind.ESCROW, Account.Kind.FEE, Account.Kind.WORLD})
FOLDED_AT_ONCE = 5_000

# What the functions raise, and the names of constraints that refuse.
_REFUSALS: dict[str | None, type[DomainError]] = {
    "SL001": AccountFrozen,
    "SL002": AccountClosed,
    "SL400": InvalidAmount,
    "SL404": NotFound,
    "SL409": IdempotencyConflict,
    "SL410": AlreadyReversed,
    "SL411": HoldEnded,
    "SL422": SameAccount,
    "SL423": CurrencyMismatch,
    "SL424": CaptureTooHigh,
    "SL425": HoldTooLow,
    "SL426": AccountNotEmpty,
    "SL427": BalanceTooHigh,
    # bigint out of range
    "22003": BalanceTooHigh,
    "ledger_account_floor": InsufficientFunds,
    "ledger_account_holds_what_is_there": InsufficientFunds,
    "ledger_account_ceiling": BalanceTooHigh,
    "ledger_account_closed_empty": AccountClosed,
    "ledger_posting_sum_zero": CurrencyMismatch,
}


@dataclass(frozen=True)
class Line:
    """One leg. ``amount_minor`` above zero is money into the account."""

    account_id: int
    amount_minor: int


@dataclass(frozen=True)
class Posted:
    """``is_replay``: an earlier call moved it, this one nothing."""

    entry_id: int
    is_replay: bool


# --- Accounts ---------------------------------------------------------------------------------------------------------


def open_account(
    *,
    kind: str,
    owner_id: int,
    currency: str,
    name: str = "",
    floor_minor: int | None = 0,
    ceiling_minor: int | None = None,
) -> int:
    """Open the one account of this owner, kind, name and currency, and return its id. Repeatable: one that is there
    stays as it is."""
    new = new_id()
    limits = [floor_minor, ceiling_minor, kind in APPENDED]
    return int(_call("ledger_open_account", new, kind, owner_id, name, currency, *limits))


def open_house_accounts(*, using: str) -> None:
    """All that apps have registered. ``migrate`` calls it when it is done."""
    Account.objects.using(using).bulk_create(
        [
            Account(id=found.id, kind=found.kind, name=found.name, currency=found.currency, is_appended=True)
            for found in house.accounts()
        ],
        ignore_conflicts=True,
    )


def set_status(*, account_id: int, status: str) -> None:
    """``open``, ``frozen`` (only money that comes back reaches it) or ``closed``, for ever.

    Raises ``AccountNotEmpty`` (only an empty one is closed, and no appended one ever), ``AccountClosed``.
    """
    _call("ledger_set_status", account_id, Account.Status(status).value)


# --- Entries ----------------------------------------------------------------------------------------------------------


def transfer(
    *,
    debit_account_id: int,
    credit_account_id: int,
    amount_minor: int,
    currency: str,
    purpose: str,
    reference: str,
    step: str,
    returns: bool = False,
) -> Posted:
    """Move money from one account to another. ``returns``: it comes back, so it reaches a frozen account as well.

    Raises ``InsufficientFunds``, ``AccountFrozen``, ``AccountClosed``, ``CurrencyMismatch``, ``BalanceTooHigh``,
    ``InvalidAmount``, ``SameAccount``, ``IdempotencyConflict``.
    """
    new = new_id()
    amount = _amount(amount_minor)
    parties = [debit_account_id, credit_account_id, amount, currency]
    return _posted(new, _call("ledger_transfer", new, *parties, purpose, reference, step, returns))


def post(*, lines: Sequence[Line], purpose: str, reference: str, step: str, returns: bool = False) -> Posted:
    """Move money between 2 to 1,000 different accounts, all or nothing; the lines add up to zero in each currency.

    Raises as ``transfer`` does; ``CurrencyMismatch`` where they do not add up.
    """
    new = new_id()
    return _posted(new, _call("ledger_post", new, *_columns(lines), purpose, reference, step, returns))


def reverse(*, entry_id: int, purpose: str, reference: str, step: str) -> Posted:
    """Take an entry back: the same legs the other way round, in an entry of its own. An entry is taken back once.

    Raises as ``transfer`` does, ``AlreadyReversed``, ``NotFound``.
    """
    new = new_id()
    return _posted(new, _call("ledger_reverse", new, entry_id, purpose, reference, step))


# --- Holds ------------------------------------------------------------------------------------------------------------


def hold(
    *,
    account_id: int,
    amount_minor: int,
    currency: str,
    purpose: str,
    reference: str,
    step: str = "hold",
    expires_at: datetime,
) -> int:
    """Set an amount aside, and return the hold's id. No posting: a statement shows what moved.

    From ``expires_at`` on, by the database's clock, it can only be released. Raises ``InsufficientFunds``,
    ``AccountFrozen``, ``AccountClosed``, ``CurrencyMismatch``, ``InvalidAmount``, ``HoldEnded`` (it would end before it
    begins), ``IdempotencyConflict``.
    """
    amount = _amount(amount_minor)
    return int(_call("ledger_hold", new_id(), account_id, amount, currency, purpose, reference, step, expires_at))


def raise_hold(*, hold_id: int, amount_minor: int, step: str) -> None:
    """Let a hold be ``amount_minor`` in all. Each ``step`` of a hold raises it once.

    Raises ``HoldTooLow`` (it is higher than that), ``HoldEnded``, and what ``hold`` does.
    """
    _call("ledger_raise_hold", hold_id, _amount(amount_minor), step)


def capture(*, hold_id: int, lines: Sequence[Line], purpose: str, reference: str, step: str) -> Posted:
    """Pay ``lines``, each above zero, out of a hold; what is left of it is free again. Once for each hold.

    What was held before its account was frozen is paid all the same. Raises ``CaptureTooHigh``, ``HoldEnded``, and what
    ``transfer`` does.
    """
    new = new_id()
    return _posted(new, _call("ledger_capture", new, hold_id, *_columns(lines), purpose, reference, step))


def release(*, hold_id: int) -> bool:
    """Give a hold free. False: it had ended before. Raises ``NotFound``."""
    return bool(_call("ledger_release", hold_id))


# --- Folding ----------------------------------------------------------------------------------------------------------


def fold(*, account_id: int, limit: int = FOLDED_AT_ONCE) -> int:
    """Let an appended account's balance know of its oldest postings that it does not; returns how many there were."""
    return int(_call("ledger_fold", account_id, limit))


def register_loop() -> None:
    loops.register("ledger.fold", every=timedelta(milliseconds=200), step=fold_waiting)


def fold_waiting(lease: Lease) -> int:
    """One round: each account that has something waiting, in a transaction of its own."""
    folded = 0
    for account_id in selectors.unfolded(at_most=1_000):
        try:
            with transaction.atomic():
                lease.guard()
                folded += fold(account_id=account_id)
        except (DomainError, DatabaseError):
            # One account that cannot be folded, or is busy, does not keep the others waiting.
            log.exception("ledger.fold_failed", account_id=account_id)
    # What came meanwhile waits for the next round: folding row by row would cost more than it is worth.
    return folded if folded >= FOLDED_AT_ONCE else 0


# --- Calling ----------------------------------------------------------------------------------------------------------


def _call(function: str, *arguments: Any) -> Any:
    functions.make_sure()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_statement(function, len(arguments)), arguments)
            return cursor.fetchone()[0]
    except DatabaseError as error:
        if refusal := _refusal(error):
            raise refusal from error
        raise


@contextmanager
def moving_money() -> Iterator[None]:
    """Around a statement of a room above, whose own function in Postgres calls ours under its locks: what ours refuse
    is a ``DomainError``, as from the primitives."""
    functions.make_sure()
    try:
        yield
    except DatabaseError as error:
        if refusal := _refusal(error):
            raise refusal from error
        raise


@cache
def _statement(function: str, count: int) -> str:
    return f"SELECT {function}({', '.join(['%s'] * count)})"


def _refusal(error: DatabaseError) -> type[DomainError] | None:
    cause: Any = error.__cause__
    constraint = cause.diag.constraint_name if cause is not None and hasattr(cause, "diag") else None
    return _REFUSALS.get(getattr(cause, "pgcode", None)) or _REFUSALS.get(constraint)


def _posted(new: int, found: Any) -> Posted:
    return Posted(entry_id=int(found), is_replay=int(found) != new)


def _amount(amount_minor: int) -> int:
    # Beyond what Postgres could even take for a number.
    if type(amount_minor) is not int or not 1 <= amount_minor <= MAX_AMOUNT_MINOR:
        raise InvalidAmount
    return amount_minor


def _columns(lines: Sequence[Line]) -> tuple[list[int], list[int]]:
    for line in lines:
        _amount(abs(line.amount_minor))
    return [line.account_id for line in lines], [line.amount_minor for line in lines]
