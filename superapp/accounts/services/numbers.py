"""Whose a number is: one row for each, in the caller's transaction."""

from django.conf import settings
from django.utils import timezone

from superapp.accounts.errors import PhoneReserved
from superapp.accounts.models import PhoneDirectory


def claim(phone: str, *, candidate_id: int) -> int:
    """Whose number this is from now on: the candidate's where nobody has it. Its row is locked.

    Two claims at once end with one owner: the second waits on the key for the first to commit. Raises
    ``PhoneReserved`` for what was given up and is not free yet, unless the candidate did that.
    """
    row = None
    while row is None:
        PhoneDirectory.objects.bulk_create([PhoneDirectory(phone=phone, user_id=candidate_id)], ignore_conflicts=True)
        # None: it was there, and the sweeper has just deleted it.
        row = lock(phone)
    if row.released_at is None:
        return row.user_id
    if row.user_id != candidate_id and row.released_at > timezone.now() - settings.PHONE_RESERVED_FOR:
        raise PhoneReserved
    PhoneDirectory.objects.filter(phone=phone).update(user_id=candidate_id, released_at=None)
    return candidate_id


def release(phone: str, *, user_id: int) -> None:
    """Nobody's any more, and for ``PHONE_RESERVED_FOR`` nobody else's."""
    PhoneDirectory.objects.filter(phone=phone, user_id=user_id).update(released_at=timezone.now())


def lock(phone: str) -> PhoneDirectory | None:
    """Before anything is claimed; of several, one after the other in order: two people may want each other's."""
    return PhoneDirectory.objects.select_for_update(no_key=True).filter(phone=phone).first()
