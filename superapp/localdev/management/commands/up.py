import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from superapp.localdev import supervisor


class Command(BaseCommand):
    help = "Start everything this clone needs and stay in front of it; Ctrl-C stops it. `make run` does this."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="instead of 8000 or the next free one")
        parser.add_argument("--no-demo", action="store_true", help="leave the demo people out")

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = ["--port", str(options["port"])] if options["port"] else []
        sys.exit(supervisor.main([*arguments, *(["--no-demo"] if options["no_demo"] else [])]))
