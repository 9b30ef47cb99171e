"""Adding up what moves, for the page that shows it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction

from payments.ledger import selectors as ledger
from payments.models import Volume, VolumeMark
from payments.registry import REFUND_STEP, purposes
from superapp.core.ids import new_id

#: Entries of so long are read at once: at most some hundred thousand, on the busiest of days.
STRETCH = timedelta(minutes=10)
#: Stretches of one run. One that has fallen behind goes on a minute later.
AT_ONCE = 144
#: What was there at first is no traffic.
OPENING = "opening"


def count_volumes(*, until: datetime | None = None) -> None:
    """Add what was posted since the last time. ``until``: what is older is complete, if not all is that has ended."""
    until = until or ledger.complete_until()
    for _stretch in range(AT_ONCE):
        if not _count_stretch(until):
            return


def recount_volumes(*, day: date) -> None:
    """Add up a day anew that has been counted, should an entry have come later than it could."""
    begins = datetime.combine(day, time.min, UTC)
    found: list[ledger.Moved] = []
    for number in range(timedelta(days=1) // STRETCH):
        since = begins + number * STRETCH
        found += _moved(since, since + STRETCH)
    with transaction.atomic():
        mark = VolumeMark.objects.select_for_update().filter(id=1).first()
        if mark is not None and mark.counted_until >= begins + timedelta(days=1):
            Volume.objects.filter(day=day).delete()
            _add(day, found)


@transaction.atomic
def _count_stretch(until: datetime) -> bool:
    """Whether there may be more."""
    mark = _mark()
    if until <= mark.counted_until:
        return False
    first = ledger.first_entry_since(mark.counted_until)
    if first is None or first >= until:
        mark.counted_until = until
        mark.save()
        return False
    # Over times at which nothing moved in one step; a stretch lies within one day.
    since = max(mark.counted_until, _stretch_of(first))
    mark.counted_until = min(_stretch_of(since) + STRETCH, until)
    _add(since.date(), _moved(since, mark.counted_until))
    mark.save()
    return mark.counted_until < until


def _mark() -> VolumeMark:
    """Locked. At first it stands before everything."""
    VolumeMark.objects.bulk_create(
        [VolumeMark(id=1, counted_until=datetime(2026, 1, 1, tzinfo=UTC))], ignore_conflicts=True
    )
    return VolumeMark.objects.select_for_update().get(id=1)


def _stretch_of(moment: datetime) -> datetime:
    day = datetime.combine(moment.date(), time.min, UTC)
    return day + (moment - day) // STRETCH * STRETCH


def _moved(since: datetime, until: datetime) -> list[ledger.Moved]:
    return ledger.moved(since=since, until=until, refund_step=REFUND_STEP)


def _kind_of(one: ledger.Moved) -> str:
    if one.purpose == "payments.opening":
        return OPENING
    return purposes.kind_of(one.purpose, REFUND_STEP if one.is_refund else "")


def _add(day: date, found: Iterable[ledger.Moved]) -> None:
    sums: dict[tuple[str, str, str], list[int]] = {}
    for one in found:
        row = sums.setdefault((one.currency, _kind_of(one), one.account_kind), [0, 0, 0])
        for place, more in enumerate((one.in_minor, one.out_minor, one.postings)):
            row[place] += more
    if not sums:
        return
    columns = zip(*((new_id(), day, *names, *numbers) for names, numbers in sums.items()), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_volume AS so_far
                (id, day, currency, kind, account_kind, in_minor, out_minor, postings)
            SELECT * FROM unnest(
                %s::bigint[], %s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
            ON CONFLICT (day, currency, kind, account_kind) DO UPDATE
            SET in_minor = so_far.in_minor + excluded.in_minor,
                out_minor = so_far.out_minor + excluded.out_minor,
                postings = so_far.postings + excluded.postings
            """,
            [list(column) for column in columns],
        )
