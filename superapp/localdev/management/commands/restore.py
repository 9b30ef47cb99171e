import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from superapp.localdev import backups, configured
from superapp.localdev.progress import Problem, complain


class Command(BaseCommand):
    help = "Put a backup into an empty database and compare what arrived with what left. `make restore` does this."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="a database with people in it, too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backups.restore_backup(
                file=options["file"],
                app_url=configured.configured_url("default"),
                owner_url=configured.configured_url("owner"),
                media_root=configured.media_root(),
                replace=options["replace"],
            )
        except Problem as problem:
            complain(problem)
            sys.exit(1)
