from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from superapp.core import integrity


class Command(BaseCommand):
    help = "Look for ids that name nobody, where no foreign key watches. Reads whole tables: run it at night."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        # The application's role gives up after five seconds, the owner does not.
        using = "owner" if "owner" in settings.DATABASES else "default"
        references = integrity.references()
        found = {reference: integrity.dangling(reference, using=using) for reference in references}
        if broken := [f"{count} × {reference}" for reference, count in found.items() if count]:
            raise CommandError("Ids that name nobody: " + ", ".join(broken))
        self.stdout.write(f"{len(references)} columns checked; every id names somebody.")
