"""A lease is the right to do the work of one shard, for a few seconds at a time, kept in a row.

The database's clock counts, so machines need not agree. A holder that was frozen past its time may wake up and go on:
``guard`` inside the writing transaction refuses it, because the fencing token has grown meanwhile.
"""

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.db import connection, transaction


def _new_owner() -> str:
    """Unique for a process, even where pids repeat in containers."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid4().hex[:8]}"


_owner = _new_owner()


def this_process() -> str:
    """The name under which this process holds its leases."""
    return _owner


def _after_fork() -> None:
    global _owner
    _owner = _new_owner()


# A child that kept the name would prolong its parent's leases, with the parent's tokens.
os.register_at_fork(after_in_child=_after_fork)


class LeaseLost(Exception):
    """Somebody else holds this shard now; the work of this transaction must not count."""


@dataclass(frozen=True)
class Lease:
    name: str
    shard: str
    owner: str
    token: int

    def guard(self) -> None:
        """Refuse the surrounding transaction unless this lease is still the newest; nobody can take it before commit.

        Raises ``LeaseLost``.
        """
        assert connection.in_atomic_block, "guard() protects a transaction, so it must be called inside one"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM core_lease WHERE name = %s AND shard = %s AND token = %s FOR KEY SHARE",
                [self.name, self.shard, self.token],
            )
            if cursor.fetchone() is None:
                raise LeaseLost(f"{self.name}/{self.shard}")

    def release(self) -> None:
        """Give the shard up at once, so that the next holder need not wait for the lease to run out."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_lease SET lease_until = clock_timestamp() WHERE name = %s AND shard = %s AND token = %s",
                [self.name, self.shard, self.token],
            )


def claim(*, name: str, shard: str, ttl: timedelta, owner: str = "") -> Lease | None:
    """Take or prolong the lease, for this process unless ``owner`` says otherwise. ``None`` while another holds it.

    The token stays the same while one owner prolongs in time, and grows by one whenever the lease had run out.
    """
    owner = owner or this_process()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_lease AS held (name, shard, owner, lease_until, token)
            VALUES (%(name)s, %(shard)s, %(owner)s, clock_timestamp() + %(ttl)s::interval, 1)
            ON CONFLICT (name, shard) DO UPDATE SET
                owner = excluded.owner,
                lease_until = excluded.lease_until,
                token = held.token + (held.owner <> excluded.owner OR held.lease_until < clock_timestamp())::int
            WHERE held.owner = excluded.owner OR held.lease_until < clock_timestamp()
            RETURNING token
            """,
            {"name": name, "shard": shard, "owner": owner, "ttl": f"{ttl.total_seconds()} seconds"},
        )
        row = cursor.fetchone()
    return Lease(name=name, shard=shard, owner=owner, token=row[0]) if row else None
