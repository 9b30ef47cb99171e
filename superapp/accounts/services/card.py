"""A person's own QR card: whoever scans it sees who they are."""

from django.db import transaction

from superapp.core import limits, links


def qr_card(*, actor_id: int) -> str:
    """Its URL, the same until it is reset."""
    return links.standing(kind="person", reference=str(actor_id))


def reset_qr_card(*, actor_id: int) -> str:
    """A new card; those that others were given end at once. Raises ``TooManyRequests``."""
    limits.take(action="accounts.reset_card.user", subject=str(actor_id))
    with transaction.atomic():
        links.revoke(kind="person", reference=str(actor_id))
        return qr_card(actor_id=actor_id)
