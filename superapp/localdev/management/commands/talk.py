from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from superapp.client import talk


class Command(BaseCommand):
    help = "Talk to somebody in this terminal, through the public API."
    # It only speaks to the running server; whether the code around it is in order is not its business.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        talk.add_arguments(parser, default_url=settings.PUBLIC_ORIGIN)

    def handle(self, **options: Any) -> None:
        raise SystemExit(talk.main(options))
