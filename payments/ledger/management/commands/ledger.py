from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from payments.ledger import check, watch


class Command(BaseCommand):
    help = "check: whether the books are right, rule by rule. Exit code 1 if they are not."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["check"])
        parser.add_argument(
            "--since", help="of entries and holds only what came after this moment (2026-01-31T00:00:00Z)"
        )

    def handle(self, *args: Any, since: str | None, **options: Any) -> None:
        moment = _moment(since) if since else None
        # The application's role gives up after five seconds, the owner does not.
        using = "owner" if "owner" in settings.DATABASES else "default"
        found = check.check(using=using, since=moment)
        watch.record(found)
        for rule, finding in found.findings.items():
            verdict = "UNSOUND" if finding.count else "ok"
            self.stdout.write(f"{verdict:8} {rule:12} {finding.looked_at:>12,} looked at: {check.say(rule)}")
            for problem in finding.problems:
                self.stdout.write(f"         - {problem}")
            if finding.count > len(finding.problems):
                self.stdout.write(f"         - and {finding.count - len(finding.problems):,} more")
        if found.problem_count:
            raise CommandError(f"The ledger is not sound: {found.problem_count:,} problems.")
        self.stdout.write("The ledger is sound.")


def _moment(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError("--since takes a moment with its time zone, such as 2026-01-31T00:00:00Z.")
    return found
