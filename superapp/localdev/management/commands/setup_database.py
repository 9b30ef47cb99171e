from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from superapp.localdev import database
from superapp.localdev.configured import configured_url
from superapp.localdev.progress import Problem


class Command(BaseCommand):
    help = "Make the application's role and the database if they are missing, grant what it needs, and migrate."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            database.prepare(configured_url("default"), configured_url("owner"))
            # Whoever waits for a lock makes everybody wait who comes later. It can be tried again.
            with connections["owner"].cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
        except Problem as problem:
            raise CommandError(str(problem)) from None
        except DatabaseError as error:
            raise CommandError(
                f"A migration failed: {str(error).strip()}\n"
                "Nothing of that migration was kept. Mend it and run this again; `make reset` starts afresh."
            ) from error
