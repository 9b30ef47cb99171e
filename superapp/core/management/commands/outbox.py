from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from superapp.core import outbox


class Command(BaseCommand):
    help = "List the parked rows of the outbox, or give them another set of attempts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retry", nargs="+", type=int, metavar="ID", help="ids of parked rows to try again")

    def handle(self, *args: Any, **options: Any) -> None:
        for row_id in options["retry"] or []:
            if not outbox.retry(row_id=row_id):
                raise CommandError(f"{row_id} is not parked.")
            self.stdout.write(f"{row_id} is due again.")
        if options["retry"]:
            return
        for row in outbox.parked():
            self.stdout.write(f"{row.id}  {row.handler}  {row.key}  {row.created_at:%Y-%m-%d %H:%M}  {row.error}")
