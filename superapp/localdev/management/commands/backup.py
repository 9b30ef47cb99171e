import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from psycopg2.extensions import parse_dsn

from superapp.localdev import backups, configured
from superapp.localdev.progress import Problem, complain


class Command(BaseCommand):
    help = "Write one file with the database and all media; nothing has to be stopped. `make backup` does this."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="instead of backups/superapp-<time>.tar")

    def handle(self, *args: Any, **options: Any) -> None:
        media_root = configured.media_root()
        try:
            backups.make_backup(
                owner_url=configured.configured_url("owner"),
                app_role=parse_dsn(configured.configured_url("default"))["user"],
                media_root=media_root,
                media_storage="" if media_root else configured.media_storage(),
                file=options["file"],
            )
        except Problem as problem:
            complain(problem)
            sys.exit(1)
