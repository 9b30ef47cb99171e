import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from superapp.localdev.progress import Problem


class Command(BaseCommand):
    help = "Put the demo people, their friendships and conversations into the database; adds only what is missing."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not getattr(settings, "DEMO_DATA", False):
            raise CommandError(
                "Demo people do not belong here: these settings have DEMO_DATA = False, as production has.\n"
                "On a machine of your own set DJANGO_SETTINGS_MODULE=superapp.settings.local, or use `make run`."
            )
        # Not above: where demo people are refused, nothing of them is loaded.
        from superapp.localdev.demo import money, seeding

        began = time.monotonic()
        try:
            city = seeding.seed()
            money.seed()
        except Problem as problem:
            raise CommandError(str(problem)) from None
        seconds = time.monotonic() - began
        self.stdout.write(
            f"{'demo':<11}{city.people} people, {city.friendships} friendships, {city.conversations} conversations,"
            f" {city.messages} messages{'' if city.is_new else ', as before'} … {seconds:.1f} s"
        )
