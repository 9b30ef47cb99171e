from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from superapp.localdev import database
from superapp.localdev.progress import Problem


class Command(BaseCommand):
    help = "Make the application's role and the database if they are missing, grant what it needs, and migrate."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError(
                "DATABASE_OWNER_URL is not set.\n"
                "Set it to the database of DATABASE_URL, as the role that owns it and may create roles and databases."
            )
        try:
            database.prepare(_url("default"), _url("owner"))
            call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
        except Problem as problem:
            raise CommandError(str(problem)) from None
        except DatabaseError as error:
            raise CommandError(
                f"A migration failed: {str(error).strip()}\n"
                "Nothing of that migration was kept. Mend it and run this again; `make reset` starts afresh."
            ) from error


def _url(alias: str) -> str:
    """What Django was configured with, as the driver takes it."""
    configured: dict[str, Any] = settings.DATABASES[alias]
    keys = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    parts = {name: configured[key] for key, name in keys.items() if configured[key]}
    return database.as_url(parts | configured["OPTIONS"])
