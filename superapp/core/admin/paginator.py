"""Pages of tables that are too large to count."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet

# Nobody reads further than this: who looks for something searches for it. It bounds OFFSET, too.
MOST_ROWS = 10_000


class EstimatedPaginator(Paginator):
    """Counts to ``MOST_ROWS`` and no further; beyond that a whole table's size is what Postgres believes it to be."""

    object_list: "QuerySet[Any]"

    @cached_property
    def count(self) -> int:
        counted = self.object_list.order_by()[: MOST_ROWS + 1].count()
        if counted <= MOST_ROWS:
            return int(counted)
        return max(counted, self._believed()) if not self.object_list.query.where else int(counted)

    @cached_property
    def num_pages(self) -> int:
        return max(1, -(-min(self.count, MOST_ROWS) // self.per_page))

    def _believed(self) -> int:
        with connections[self.object_list.db].cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(quote_ident(%s))",
                [self.object_list.model._meta.db_table],
            )
            row = cursor.fetchone()
        return int(row[0]) if row else 0
