"""An event with a handler for the tests. ``tests.core.apps`` gives it to processes under test as well.

The handler writes down each call where another process can read it, breaks on poison, and waits at a gate that a test
can close:
``prepare`` makes the tables for that in a database of the test's own.
"""

import time
from dataclasses import dataclass
from typing import Any

import psycopg2
from django.db import connection, transaction

from superapp.core.events import Event, at_least_once, publish

#: Longer than any test waits.
MOST_SECONDS_AT_GATE = 120


@dataclass(frozen=True)
class Noted(Event):
    """``key`` is what the events are ordered by."""

    key: str
    number: int = 0


@at_least_once(Noted)
def note(event: Noted) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM facts_poison WHERE key = %s", [event.key])
        if cursor.fetchone() is not None:
            raise RuntimeError("poison")
        # The effect, which a second delivery must not repeat …
        cursor.execute("INSERT INTO facts_effect VALUES (%s, %s) ON CONFLICT DO NOTHING", [event.key, event.number])
        # … and that there was a delivery.
        cursor.execute(
            "INSERT INTO facts_delivery VALUES (%s, %s, clock_timestamp(), pg_backend_pid())", [event.key, event.number]
        )
    _wait_at_gate(event.key)


def _wait_at_gate(key: str) -> None:
    until = time.monotonic() + MOST_SECONDS_AT_GATE
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM facts_closed_gate WHERE key = %s", [key])
            if cursor.fetchone() is None:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody opened the gate of {key}")


def prepare(owner_url: str) -> None:
    """The app's role may use what the owner makes."""
    owner = psycopg2.connect(owner_url)
    with owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE facts_effect (key text, number int, PRIMARY KEY (key, number))")
        cursor.execute("CREATE TABLE facts_delivery (key text, number int, at timestamptz, backend int)")
        cursor.execute("CREATE TABLE facts_closed_gate (key text PRIMARY KEY)")
        cursor.execute("CREATE TABLE facts_poison (key text PRIMARY KEY)")
    owner.close()


def announce(key: str, *numbers: int) -> None:
    for number in numbers:
        with transaction.atomic():
            publish(Noted(key=key, number=number))


def close_gate(key: str) -> None:
    rows("INSERT INTO facts_closed_gate VALUES (%s)", key)


def open_gate(key: str) -> None:
    rows("DELETE FROM facts_closed_gate WHERE key = %s", key)


def poison(key: str) -> None:
    rows("INSERT INTO facts_poison VALUES (%s)", key)


def heal(key: str) -> None:
    rows("DELETE FROM facts_poison WHERE key = %s", key)


def deliveries(key: str) -> list[int]:
    return [number for (number,) in rows("SELECT number FROM facts_delivery WHERE key = %s ORDER BY at", key)]


def effects(key: str) -> list[int]:
    return [number for (number,) in rows("SELECT number FROM facts_effect WHERE key = %s ORDER BY number", key)]


def rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
