"""What has to hold between payments to products and the ledger; ``manage.py ledger check`` asks.

Each question is one statement about a stretch of rows, so it sees one moment and is right while money moves.
"""

from collections.abc import Iterator

from django.db import connection

#: Rows of one statement: a second or less of work.
ROWS = 5_000
#: Of one question; more of the same tell nothing more.
MOST_NAMED = 20

#: By table whose ids are walked: sentences, and the rows that they are about. ``after`` < id <= ``last``.
_WALKS: dict[str, dict[str, str]] = {
    "payments_hold": {
        "hold {0} is {1} here and {2} in the ledger": """
            SELECT h.id, h.state || ' ' || h.amount_minor, coalesce(l.status || ' ' || l.amount_minor, 'nowhere')
            FROM payments_hold AS h LEFT JOIN ledger_hold AS l ON l.id = h.ledger_hold_id
            WHERE h.id > %(after)s AND h.id <= %(last)s
            AND (CASE h.state WHEN 'expired' THEN 'released' ELSE h.state END, h.amount_minor, h.currency)
                IS DISTINCT FROM (l.status, l.amount_minor, l.currency)
        """,
        "hold {0} is {1}, and that does not go with whether a payment took it": """
            SELECT h.id, h.state FROM payments_hold AS h WHERE h.id > %(after)s AND h.id <= %(last)s
            AND (h.state = 'captured') <> EXISTS (SELECT FROM payments_payment AS p WHERE p.hold_id = h.id)
        """,
    },
    "payments_payment": {
        "payment {0} is {1}, its legs are {2}, and its entry in the ledger moved {3}": """
            SELECT p.id, p.amount_minor, l.amount, m.amount FROM payments_payment AS p
            CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS amount FROM payments_payment_leg
                                WHERE payment_id = p.id) AS l
            CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS amount FROM ledger_posting
                                WHERE entry_id = p.entry_id AND amount_minor > 0 AND currency = p.currency) AS m
            WHERE p.id > %(after)s AND p.id <= %(last)s AND (p.amount_minor <> l.amount OR p.amount_minor <> m.amount)
        """,
        "payment {0} paid {2} to account {1}, and the ledger {3}": """
            SELECT l.payment_id, l.account_id, l.amount, coalesce(g.amount, 0)
            FROM (SELECT payment_id, account_id, sum(amount_minor) AS amount FROM payments_payment_leg
                  WHERE payment_id > %(after)s AND payment_id <= %(last)s GROUP BY payment_id, account_id) AS l
            JOIN payments_payment AS p ON p.id = l.payment_id
            CROSS JOIN LATERAL (SELECT sum(amount_minor) AS amount FROM ledger_posting
                                WHERE entry_id = p.entry_id AND account_id = l.account_id) AS g
            WHERE l.amount IS DISTINCT FROM g.amount
        """,
        "payment {0} has {1} refunded, its refunds are {2} and its legs gave {3}": """
            SELECT p.id, p.refunded_minor, r.amount, l.amount FROM payments_payment AS p
            CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS amount FROM payments_refund
                                WHERE payment_id = p.id) AS r
            CROSS JOIN LATERAL (SELECT coalesce(sum(refunded_minor), 0) AS amount FROM payments_payment_leg
                                WHERE payment_id = p.id) AS l
            WHERE p.id > %(after)s AND p.id <= %(last)s
            AND (p.refunded_minor <> r.amount OR p.refunded_minor <> l.amount)
        """,
        "leg {1} of payment {0} gave {2}, and the parts of its refunds are {3}": """
            SELECT l.payment_id, l.number, l.refunded_minor, g.amount FROM payments_payment_leg AS l
            CROSS JOIN LATERAL (SELECT coalesce(sum((parts_minor -> l.number::int)::bigint), 0) AS amount
                                FROM payments_refund WHERE payment_id = l.payment_id) AS g
            WHERE l.payment_id > %(after)s AND l.payment_id <= %(last)s AND l.refunded_minor <> g.amount
        """,
    },
    "payments_escrow": {
        "escrow {0} has {1} in and {2} out, and its payments say {3} and {4}": """
            SELECT e.id, e.paid_in_minor, e.paid_out_minor, m.came, m.went FROM payments_escrow AS e
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(l.amount_minor) FILTER (WHERE l.party_kind = 'escrow'), 0) AS came,
                    coalesce(sum(l.amount_minor - l.refunded_minor) FILTER (WHERE p.payer_id IS NULL), 0)
                        + coalesce(sum(l.refunded_minor) FILTER (WHERE l.party_kind = 'escrow'), 0) AS went
                FROM payments_payment AS p JOIN payments_payment_leg AS l ON l.payment_id = p.id
                WHERE p.reference = e.reference AND p.purpose = e.purpose) AS m
            WHERE e.id > %(after)s AND e.id <= %(last)s
            AND (e.paid_in_minor <> m.came OR e.paid_out_minor <> m.went)
        """,
    },
}
_STRETCH = {
    table: f"SELECT max(id) FROM (SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT {ROWS}) AS next"  # noqa: S608  (a constant)
    for table in _WALKS
}
_ALL_OF_ESCROW = """
    SELECT a.currency, a.total, coalesce(e.total, 0)
    FROM (SELECT account.currency, balance_minor + coalesce((
              SELECT sum(amount_minor) FROM ledger_posting WHERE account_id = account.id AND seq IS NULL), 0) AS total
          FROM ledger_account AS account WHERE kind = 'escrow' AND owner = 0 AND name = 'orders') AS a
    LEFT JOIN (SELECT currency, sum(paid_in_minor - paid_out_minor) AS total FROM payments_escrow
               WHERE paid_out_minor < paid_in_minor GROUP BY currency) AS e ON e.currency = a.currency
    WHERE a.total <> coalesce(e.total, 0)
"""


def problems() -> list[str]:
    """In sentences; none when all is well."""
    return [*_escrow(), *(sentence for table in _WALKS for sentence in _walk(table))]


def _escrow() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ALL_OF_ESCROW)
        for currency, in_ledger, by_rows in cursor.fetchall():
            yield f"in escrow for orders are {in_ledger} {currency} in the ledger, and {by_rows} by its rows"


def _walk(table: str) -> Iterator[str]:
    after = -1
    with connection.cursor() as cursor:
        while (last := _last_after(table, after)) is not None:
            for sentence, question in _WALKS[table].items():
                cursor.execute(question, {"after": after, "last": last})
                yield from (sentence.format(*row) for row in cursor.fetchmany(MOST_NAMED))
            after = last


def _last_after(table: str, after: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_STRETCH[table], [after])
        found: int | None = cursor.fetchone()[0]
        return found
