"""Giving an account up, and taking it back before it is erased."""

from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from superapp.accounts import selectors
from superapp.accounts.errors import LeavingBlocked, ReturnExpired, SignInFailed
from superapp.accounts.models import Erasure, User
from superapp.accounts.registry import Blocker
from superapp.accounts.services import returning
from superapp.accounts.services.devices import revoke_all_devices
from superapp.accounts.services.proof import prove_again
from superapp.accounts.services.sessions import Session, start_session
from superapp.core import audit, tokens


def deactivate(*, actor_id: int, password: str = "", challenge: str = "", code: str = "") -> datetime:
    """Give the account up, and return from when on it is erased: every device is signed out and nobody finds it any
    more. Signing in meanwhile offers to take it back.

    Raises what ``prove_again`` does, and ``LeavingBlocked`` where something has to be settled first.
    """
    prove_again(actor_id=actor_id, password=password, challenge=challenge, code=code)
    return _deactivate(actor_id)


@transaction.atomic
def _deactivate(user_id: int) -> datetime:
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    if user.deactivated_at is not None:
        # Two devices at once: the second finds it done.
        return Erasure.objects.values_list("due_at", flat=True).get(user_id=user_id)
    if blockers := selectors.blockers_of(user_id):
        raise LeavingBlocked(blockers=[asdict(found) for found in blockers])
    now = timezone.now()
    due_at = now + settings.ACCOUNT_KEPT_FOR
    user.is_active, user.deactivated_at = False, now
    user.save(update_fields=["is_active", "deactivated_at"])
    Erasure.objects.create(user_id=user_id, requested_at=now, due_at=due_at, next_at=due_at)
    audit.record(actor_id=user_id, action="accounts.deactivated", subject=("user", str(user_id)))
    revoke_all_devices(user_id=user_id, reason="deactivated")
    return due_at


@transaction.atomic
def reactivate(*, return_token: str, device_name: str, platform: str) -> Session:
    """Take the account back and sign this device in. Raises ``ReturnExpired``, also once erasing has begun, and
    ``SignInFailed`` for who was banned meanwhile."""
    token = tokens.parse(returning.KIND, return_token)
    user = User.objects.select_for_update(no_key=True).filter(id=token.owner_id if token else 0).first()
    if user is None or token is None:
        raise ReturnExpired
    # Before anything is said of them: everybody can make up a token with somebody's id in it.
    if not returning.use(token):
        raise ReturnExpired
    if user.banned_at is not None:
        # And the erasing goes on: this is rolled back.
        raise SignInFailed
    user.is_active, user.deactivated_at = True, None
    user.save(update_fields=["is_active", "deactivated_at"])
    audit.record(actor_id=user.id, action="accounts.reactivated", subject=("user", str(user.id)))
    return start_session(user_id=user.id, device_name=device_name, platform=platform)


def blockers_of_account(user_id: int) -> list[Blocker]:
    """Staff lose their role first: what they can do must not hang on an account that is on its way out. And no
    organisation is left without somebody who answers for it."""
    found = []
    if User.objects.filter(id=user_id, is_staff=True).exists():
        found.append(Blocker("is_staff", _("You work here. Ask an administrator to take your role away first.")))
    if alone := selectors.owned_alone(user_id):
        message = _("You are the only owner of an organisation. Make somebody else one first.")
        shown = [selectors.organisation_frame(organisation) for organisation in alone]
        found.append(Blocker("last_owner", message, {"organisations": shown}))
    return found
