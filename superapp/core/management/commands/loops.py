import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from superapp.core import loops


class Command(BaseCommand):
    help = "Run the loops: the outbox relay and everything else that ticks faster than a minute."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", nargs="*", default=[], metavar="LOOP", help="only these loops")

    def handle(self, *args: Any, **options: Any) -> None:
        if unknown := set(options["only"]) - set(loops.registered()):
            raise CommandError(
                f"No loop named {', '.join(sorted(unknown))}. There are: {', '.join(loops.registered())}."
            )
        runner = loops.Runner(only=options["only"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: runner.stop())
        runner.run()
