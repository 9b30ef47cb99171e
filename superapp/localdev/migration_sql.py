"""The SQL that each migration really sends, one file for each: what squawk reads.

``python -m superapp.localdev.migration_sql FOLDER`` migrates the empty database of DATABASE_OWNER_URL. ``sqlmigrate``
guesses at the names of constraints, and leaves out what migrations do in Python.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from superapp.localdev import database
from superapp.localdev.configured import configured_url

OURS = ("superapp.", "messaging", "payments", "brands", "games", "taxis", "deals")


def main(folder: Path) -> None:
    django.setup()
    database.prepare(configured_url("default"), configured_url("owner"))
    apply = MigrationExecutor.apply_migration

    def apply_and_write(self: MigrationExecutor, state: Any, migration: Migration, *args: Any, **options: Any) -> Any:
        statements: list[str] = []
        with connections["owner"].execute_wrapper(_listener(statements)):
            result = apply(self, state, migration, *args, **options)
        if type(migration).__module__.startswith(OURS):
            # The first line tells squawk's caller whether there is a transaction around it.
            head = "-- atomic\n" if migration.atomic else "-- not atomic\n"
            text = head + "".join(f"{statement.rstrip().rstrip(';')};\n" for statement in statements)
            (folder / f"{migration.app_label}.{migration.name}.sql").write_text(text)
        return result

    setattr(MigrationExecutor, "apply_migration", apply_and_write)  # noqa: B010
    call_command("migrate", database="owner", interactive=False, verbosity=0)


def _listener(statements: list[str]) -> Callable[..., Any]:
    """Notes what changes something; what Django asks the catalogue is nobody's lock."""

    def listen(execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        text = sql if isinstance(sql, str) else sql.as_string(context["connection"].connection)
        if not text.lstrip().upper().startswith(("SELECT", "SHOW")) and "django_migrations" not in text:
            with context["connection"].connection.cursor() as cursor:
                statements.append(cursor.mogrify(text, parameters).decode() if parameters else text)
        return execute(sql, parameters, many, context)

    return listen


if __name__ == "__main__":
    assert "owner" in settings.DATABASES, "DATABASE_OWNER_URL is not set"
    main(Path(sys.argv[1]))
