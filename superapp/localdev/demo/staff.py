"""The demo's administrator, whose password and second factor everybody may know."""

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.db import transaction

from superapp.accounts import services as accounts
from superapp.accounts.models import HandleDirectory
from superapp.client.talk import DEMO_PASSWORD

KEEPER = "keeper"
# An authenticator app takes it too, and shows what `manage.py second_factor` prints.
SECRET = "KEEPERSSECRET2222KEEPERSSECRET22"  # noqa: S105  (a public example, refused in production)


@transaction.atomic
def seed() -> bool:
    """Make them, unless the name is taken; returns whether they are new."""
    if HandleDirectory.objects.filter(handle=KEEPER).exists():
        return False
    user, _ = accounts.create_staff(
        handle=KEEPER, display_name="Kit Keeper", password=DEMO_PASSWORD, roles=[], is_superuser=True, is_demo=True
    )
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return True


def card() -> list[str]:
    """Where to sign in, and what with."""
    if not settings.ADMIN_PATH or not HandleDirectory.objects.filter(handle=KEEPER).exists():
        return []
    return [
        f"admin       {settings.PUBLIC_ORIGIN}/{settings.ADMIN_PATH}   as @{KEEPER}, same password",
        "its code    .venv/bin/python manage.py second_factor",
    ]
