"""How rows that have served go: a thousand at a time, so that no deletion holds locks for long or meets a time limit.

A room decides what of its own may go and calls ``delete_in_batches`` from its housekeeping; beat starts that hourly.
"""

import time

from django.conf import settings
from django.db import connection, models
from django.db.models import Q

BATCH = 1000
#: Tasks end within a minute. What is left then goes an hour later.
SECONDS = 15.0


def delete_in_batches(model: type[models.Model], condition: Q) -> int:
    """Delete the rows of ``model`` that ``condition`` names, and return how many; each batch is a transaction.

    The condition has to have an index that serves it. Nothing hangs on these rows: no cascade is looked for.
    """
    began, deleted = time.monotonic(), 0
    rows = model._default_manager.filter(condition)
    while time.monotonic() - began < SECONDS:
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        if keys:
            # Asked again: between the two, one of them may have become of use.
            deleted += rows.filter(pk__in=keys)._raw_delete(rows.db)
        if len(keys) < BATCH:
            break
    return deleted


def forget_delivered() -> int:
    """Delete rows of the outbox that were delivered ``OUTBOX_KEPT_FOR`` ago; until then they tell what happened.

    There is no index on when a row was done, because every delivery would pay for it. Rows are written in the order of
    their ids, so the old ones are at the beginning.
    """
    began, deleted, last = time.monotonic(), 0, 0
    while time.monotonic() - began < SECONDS:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH oldest AS (
                    SELECT id, done_at < now() - %(kept)s::interval AS may_go FROM core_outbox
                    WHERE id > %(last)s AND created_at < now() - %(kept)s::interval ORDER BY id LIMIT %(batch)s),
                gone AS (DELETE FROM core_outbox AS o USING oldest WHERE o.id = oldest.id AND may_go RETURNING 1)
                SELECT (SELECT count(*) FROM gone), count(*), max(id) FROM oldest
                """,
                {"kept": f"{settings.OUTBOX_KEPT_FOR.total_seconds()} seconds", "last": last, "batch": BATCH},
            )
            gone, seen, newest = cursor.fetchone()
        deleted += gone
        if seen < BATCH:
            break
        last = newest
    return deleted
