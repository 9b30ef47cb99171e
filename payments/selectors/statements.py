"""What has happened to somebody's money in one currency: its lines, one receipt, and months added up.

Lines are the postings of a wallet's account, numbered without a gap. Their times rise with their numbers, so a range of
days is a range of numbers, and every list is read off the index of these.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery, Sum

from payments.ledger import selectors as ledger
from payments.ledger.models import Account, Entry, Posting
from payments.registry import KINDS, REFUND_STEP, purposes
from payments.selectors.lines import line_frame, said_of
from payments.selectors.payments import payment_of_entry
from payments.selectors.wallets import wallet_account
from superapp.core.errors import NotFound
from superapp.core.money import Money

Json = dict[str, Any]
#: The order of the list, for ``paginate``.
ORDER = ("-seq",)
#: Of what a receipt hangs together with.
MOST_RELATED = 50


@dataclass(frozen=True)
class Span:
    """Those lines of one account whose number is above ``after`` and at most ``until``."""

    account_id: int
    after: int
    until: int

    @property
    def length(self) -> int:
        return self.until - self.after

    def lines(self) -> QuerySet[Posting]:
        return Posting.objects.select_related("entry").filter(
            account_id=self.account_id, seq__gt=self.after, seq__lte=self.until
        )


#: Of somebody whose wallet in that currency is not opened yet.
NOTHING = Span(account_id=0, after=0, until=0)


def span(*, user_id: int, currency: str, since: date | None, until: date | None, zone: str) -> Span:
    """What was posted on the days from ``since`` to ``until``, both included, as the clocks of ``zone`` have it; None:
    from the first, up to the newest. One statement, and one more for each that is given."""
    account = wallet_account(user_id, currency)
    return _span(account, since, until, zone) if account else NOTHING


def _span(account: Account, since: date | None, until: date | None, zone: str) -> Span:
    after = ledger.seq_at(account_id=account.id, at=_begins(since, zone)) if since else 0
    last = ledger.seq_at(account_id=account.id, at=_begins(until + timedelta(days=1), zone)) if until else account.seq
    return Span(account_id=account.id, after=after, until=last)


def _begins(day: date, zone: str) -> datetime:
    """The first moment of a day; where clocks are put forward at midnight that is one o'clock."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def lines(within: Span, *, kind: str | None = None, direction: str | None = None) -> QuerySet[Posting]:
    """With their entries; page by ``ORDER``. ``kind``: one of ``KINDS``; ``direction``: ``in`` or ``out``."""
    found = within.lines()
    if kind:
        found = found.filter(_is_of_kind(kind))
    if direction:
        found = found.filter(amount_minor__gt=0) if direction == "in" else found.filter(amount_minor__lt=0)
    return found


def _is_of_kind(kind: str) -> Subquery:
    """Asked of one line after the other. A join would let the planner begin with everybody's entries of that kind."""
    entry = Entry.objects.filter(id=OuterRef("entry_id"))
    return Subquery(entry.values(found=ExpressionWrapper(_of_kind(kind), BooleanField())), BooleanField())


def _of_kind(kind: str) -> Q:
    """As ``purposes.kind_of`` decides it."""
    if kind not in {"payment", "refund"}:
        return Q(purpose__in=purposes.of_kind(kind))
    others = [purpose for other in KINDS if other != "payment" for purpose in purposes.of_kind(other)]
    is_refund = Q(step__startswith=REFUND_STEP)
    return ~Q(purpose__in=others) & (is_refund if kind == "refund" else ~is_refund)


def line_frames(postings: Iterable[Posting], *, viewer_id: int) -> list[Json]:
    """As REST shows them. One call to each product among them."""
    rows = list(postings)
    said = said_of((row.entry for row in rows), viewer_id=viewer_id)
    return [line_frame(row, said) for row in rows]


def receipt(*, user_id: int, entry_id: int) -> Json:
    """One line with all that there is to know of it: what its product adds, and what else happened to the same thing in
    the same wallet. Three statements and those of the product. Raises ``NotFound``, also for other people's."""
    mine = Posting.objects.select_related("entry").filter(
        account__owner=user_id, account__kind=Account.Kind.WALLET, account__name="", seq__isnull=False
    )
    posting = mine.filter(entry_id=entry_id).order_by("leg").first()
    if posting is None:
        raise NotFound
    entry = posting.entry
    said = said_of([entry], viewer_id=user_id)
    about = said.get((entry.purpose, entry.reference))
    payment_id = payment_of_entry(entry, viewer_id=user_id)
    same = mine.filter(entry__reference=entry.reference, entry__purpose=entry.purpose, account_id=posting.account_id)
    others = same.exclude(entry_id=entry.id).order_by("seq")[:MOST_RELATED]
    return {
        **line_frame(posting, said),
        "data": about.data if about else {},
        "payment_id": None if payment_id is None else str(payment_id),
        "related": [line_frame(other, said) for other in others],
    }


# --- Months -----------------------------------------------------------------------------------------------------------


def month(*, user_id: int, currency: str, first: date, zone: str) -> Json:
    """What came in and went out in the month that begins with ``first``, in all and by kind, and what was there before
    and after. It is what the month's lines add up to. At most five statements."""
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    within = span(user_id=user_id, currency=currency, since=first, until=following - timedelta(days=1), zone=zone)
    by_kind = _by_kind(within)
    opening = _balance(within, within.after)
    change = sum(one["in"] - one["out"] for one in by_kind.values())
    return {
        "month": f"{first:%Y-%m}",
        "currency": currency,
        "opening": Money(opening, currency).as_json(),
        "closing": Money(opening + change, currency).as_json(),
        **_totals(by_kind.values(), currency),
        "kinds": [
            {"kind": kind, "label": str(label), **_totals([by_kind[kind]], currency)}
            for kind, label in KINDS.items()
            if kind in by_kind
        ],
    }


def _by_kind(within: Span) -> dict[str, dict[str, int]]:
    """Amounts above zero under ``in`` and ``out``, and how many lines, under ``count``."""
    found: dict[str, dict[str, int]] = {}
    if not within.length:
        return found
    is_refund = Q(entry__step__startswith=REFUND_STEP)
    rows = (
        within.lines()
        .select_related(None)
        .order_by()
        .values("entry__purpose", is_refund=is_refund)
        .annotate(
            money_in=Sum("amount_minor", filter=Q(amount_minor__gt=0), default=0),
            money_out=Sum("amount_minor", filter=Q(amount_minor__lt=0), default=0),
            count=Count("seq"),
        )
    )
    for row in rows:
        kind = purposes.kind_of(row["entry__purpose"], REFUND_STEP if row["is_refund"] else "")
        total = found.setdefault(kind, {"in": 0, "out": 0, "count": 0})
        total["in"] += int(row["money_in"])
        total["out"] -= int(row["money_out"])
        total["count"] += row["count"]
    return found


def _totals(found: Iterable[dict[str, int]], currency: str) -> Json:
    rows = list(found)
    return {
        "money_in": Money(sum(row["in"] for row in rows), currency).as_json(),
        "money_out": Money(sum(row["out"] for row in rows), currency).as_json(),
        "count": sum(row["count"] for row in rows),
    }


def _balance(within: Span, seq: int) -> int:
    if not seq:
        return 0
    found = Posting.objects.values_list("balance_after_minor", flat=True).get(account_id=within.account_id, seq=seq)
    return int(found or 0)


def batch(within: Span, *, after: int, size: int, **narrowed: Any) -> Sequence[Posting]:
    """The next lines with a number above ``after``, the oldest first: for what is read from one end to the other."""
    return list(lines(within, **narrowed).filter(seq__gt=after).order_by("seq")[:size])
