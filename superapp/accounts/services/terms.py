"""The terms that people agreed to. Signing up is the first agreement; a newer version asks again."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from superapp.accounts.errors import TermsRequired
from superapp.accounts.models import User
from superapp.core import audit
from superapp.core.errors import Conflict


def require_terms(*, user_id: int) -> None:
    """For what binds somebody: money, organisations, publishing. Reading and talking go on without. One statement.

    Raises ``TermsRequired`` until they have agreed to the current version.
    """
    if not User.objects.filter(id=user_id, terms_version__gte=settings.TERMS_VERSION).exists():
        raise TermsRequired(version=settings.TERMS_VERSION)


@transaction.atomic
def accept_terms(*, actor_id: int, version: int) -> User:
    """Agree to what the actor was shown. Repeatable. Raises ``Conflict`` with the current version for any other."""
    if version != settings.TERMS_VERSION:
        raise Conflict(version=settings.TERMS_VERSION)
    user = User.objects.select_for_update(no_key=True).get(id=actor_id)
    if user.terms_version < version:
        audit.record(
            actor_id=actor_id,
            action="accounts.terms_accepted",
            subject=("user", str(actor_id)),
            before={"version": user.terms_version},
            after={"version": version},
        )
        user.terms_version, user.terms_accepted_at = version, timezone.now()
        user.save(update_fields=["terms_version", "terms_accepted_at"])
    return user
