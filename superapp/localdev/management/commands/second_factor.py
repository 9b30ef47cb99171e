from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from superapp.accounts.models import User
from superapp.accounts.services.staff import current_code


class Command(BaseCommand):
    help = "Show what the authenticator app of the demo's administrator would show now."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("handle", nargs="?", default="keeper")

    def handle(self, **options: Any) -> None:
        if not getattr(settings, "DEMO_DATA", False):
            raise CommandError("Second factors are shown here to nobody: these settings have DEMO_DATA = False.")
        user = User.objects.filter(handle=options["handle"], is_demo=True, is_staff=True).first()
        found = user and Authenticator.objects.filter(user_id=user.id, type=Authenticator.Type.TOTP).first()
        if not found:
            raise CommandError(
                f"@{options['handle']} is no member of the demo's staff. `manage.py seed` makes @keeper."
            )
        self.stdout.write(current_code(decrypt(found.data["secret"])))
