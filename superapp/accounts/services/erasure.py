"""Erasing what is kept of somebody, room after room, each noted when it is done: whoever takes over goes on behind it.

Two may erase one person at once, when a lease ran out under somebody slow: rooms can be erased twice.
"""

from datetime import timedelta

import structlog
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from superapp.accounts import registry, selectors
from superapp.accounts.models import (
    DataExport,
    Device,
    Erasure,
    HandleDirectory,
    KnownDevice,
    OrganisationInvitation,
    OrganisationMember,
    PhoneChange,
    PhoneDirectory,
    RefreshToken,
    SignInCode,
    User,
)
from superapp.accounts.registry import Room
from superapp.accounts.services import exports
from superapp.accounts.services.places import lock_organisation, take_off
from superapp.core import audit, links
from superapp.core.errors import Conflict
from superapp.core.leases import Lease
from superapp.media import services as media

log = structlog.get_logger(__name__)

#: For whoever claimed it; each room that is done begins it anew.
LEASE = timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
#: Between two looks at whether what stands in the way has been settled.
BLOCKED_PAUSE = timedelta(days=1)
PER_ROUND = 10


def erase_due(lease: Lease) -> int:
    """One round of the loop: everybody whose time has come, and whoever was left half erased."""
    due = selectors.erasures_due(limit=PER_ROUND)
    return sum(erase(user_id=user_id) for user_id in due)


def erase(*, user_id: int) -> bool:
    """Erase what is left of somebody who has left. Call it outside a transaction. True when that came to its end.

    False when there is nothing to do, somebody else is at it, something has to be settled first, or a room failed; what
    failed is tried again, and after ``Erasure.MAX_ATTEMPTS`` waits for a person.
    """
    claimed = _claim(user_id)
    if claimed is None:
        return False
    for room in reversed(registry.privacy.rooms()):
        if room.name not in claimed.done_rooms and not _erase_room(room, claimed):
            return False
    return _finish(user_id)


@transaction.atomic
def retry_erasure(*, user_id: int) -> None:
    """Give one that failed another full set of attempts. Raises ``Conflict`` for any other."""
    erasure = Erasure.objects.select_for_update(no_key=True).filter(user_id=user_id).first()
    if erasure is None or erasure.state != Erasure.State.FAILED:
        raise Conflict(_("Only what has failed can be retried."))
    Erasure.objects.filter(user_id=user_id).update(attempts=0, next_at=timezone.now())


@transaction.atomic
def _claim(user_id: int) -> Erasure | None:
    # The person first, as whoever takes the account back does: one of the two finds it gone.
    user = User.objects.select_for_update(no_key=True).filter(id=user_id).first()
    now = timezone.now()
    erasure = Erasure.objects.filter(
        user_id=user_id, done_at=None, next_at__lte=now, attempts__lt=Erasure.MAX_ATTEMPTS
    ).first()
    if user is None or erasure is None:
        return None
    if erasure.started_at is None:
        if blockers := selectors.blockers_of(user_id):
            erasure.error = f"blocked: {', '.join(found.code for found in blockers)}"[:200]
            erasure.next_at = now + BLOCKED_PAUSE
            erasure.save(update_fields=["error", "next_at"])
            return None
        erasure.started_at, erasure.return_digest, erasure.return_expires_at = now, "", None
    erasure.next_at = now + LEASE
    # Counted before the work: what kills its worker is given up in the end.
    erasure.attempts += 1
    erasure.save(update_fields=["started_at", "return_digest", "return_expires_at", "next_at", "attempts", "error"])
    return erasure


def _erase_room(room: Room, erasure: Erasure) -> bool:
    try:
        room.erase(erasure.user_id)
    except Exception as error:
        # Whatever a room meets, the others' people are not kept waiting, and somebody reads of it.
        pause = min(FIRST_PAUSE * 2 ** (erasure.attempts - 1), LONGEST_PAUSE)
        Erasure.objects.filter(user_id=erasure.user_id, done_at=None).update(
            error=f"{room.name}: {type(error).__name__}"[:200], next_at=timezone.now() + pause
        )
        failed = erasure.attempts >= Erasure.MAX_ATTEMPTS
        (log.error if failed else log.warning)(
            "erasure.failed", user_id=erasure.user_id, room=room.name, error_type=type(error).__name__
        )
        return False
    _note_done(room.name, erasure.user_id)
    return True


def _note_done(room: str, user_id: int) -> None:
    """In one statement, so that two at once lose nothing of each other's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_erasure
            SET done_rooms = done_rooms - %(room)s || to_jsonb(%(room)s::text), attempts = 1,
                error = '', next_at = %(next_at)s
            WHERE user_id = %(user)s AND done_at IS NULL
            """,
            {"room": room, "user": user_id, "next_at": timezone.now() + LEASE},
        )


@transaction.atomic
def _finish(user_id: int) -> bool:
    finished = Erasure.objects.filter(user_id=user_id, done_at=None).update(done_at=timezone.now(), error="")
    if finished:
        audit.record(actor_id=None, action="accounts.erased", subject=("user", str(user_id)))
        log.info("erasure.done", user_id=user_id)
    return bool(finished)


# --- What this room, and the one below it, keep -----------------------------------------------------------------------


def erase_uploads(user_id: int) -> None:
    """What hangs on nothing, and the face; what hangs on a thing is an affair of its room.

    Raises ``Unavailable`` while storage does not let something go.
    """
    media.detach(purpose="avatar", reference=str(user_id))
    while media.delete_uploads_of(owner_id=user_id, batch=50):
        pass


def erase_account(user_id: int) -> None:
    """Places on staffs, names, ways in and all that they said of themselves; the row stays, for those whose threads
    have its id. Raises ``LastOwner`` where they became the only one meanwhile."""
    for organisation_id in OrganisationMember.objects.filter(user_id=user_id).values_list("organisation_id", flat=True):
        _leave_staff(organisation_id, user_id)
    for export_id in DataExport.objects.filter(user_id=user_id).values_list("id", flat=True):
        exports.forget_export(export_id)
    _erase_account(user_id)


@transaction.atomic
def _leave_staff(organisation_id: int, user_id: int) -> None:
    organisation = lock_organisation(organisation_id)
    place = OrganisationMember.objects.filter(organisation_id=organisation_id, user_id=user_id).first()
    if place is not None:
        place.organisation = organisation
        take_off(place, actor_id=user_id)


@transaction.atomic
def _erase_account(user_id: int) -> None:
    user = User.objects.select_for_update(no_key=True).get(id=user_id)
    if user.erased_at is not None:
        return
    # Those that wait are found by index; those that were answered end with their time.
    waiting = OrganisationInvitation.objects.filter(state=OrganisationInvitation.State.PENDING)
    waiting.filter(invitee_id=user_id).delete()
    if user.phone:
        waiting.filter(phone=user.phone).delete()
        PhoneDirectory.objects.filter(phone=user.phone, user_id=user_id).delete()
        SignInCode.objects.filter(phone=user.phone).delete()
    HandleDirectory.objects.filter(user_id=user_id).delete()
    for model in (Device, RefreshToken, KnownDevice, PhoneChange, Authenticator):
        model.objects.filter(user_id=user_id).delete()
    links.revoke(kind="person", reference=str(user_id))
    user.groups.clear()
    user.phone = user.handle = user.avatar_id = user.birth_date = user.last_login = None
    user.display_name, user.language, user.time_zone = "", "en", "UTC"
    user.password = make_password(None)
    user.is_active = user.is_staff = user.is_superuser = False
    user.terms_version, user.terms_accepted_at = 0, None
    user.erased_at = timezone.now()
    user.save()
