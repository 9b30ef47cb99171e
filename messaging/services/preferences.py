"""What people let others do and see."""

from typing import Any

from django.db import transaction

from messaging.frames import preferences_frame
from messaging.models import Preferences
from superapp.core import limits
from superapp.realtime import push


def change_preferences(*, actor_id: int, **changes: Any) -> Preferences:
    """Change any of ``shares_read_marks``, ``is_found_by_handle``, ``is_found_by_phone``, ``addable_by`` and
    ``presence_for``, and tell the actor's devices. Two devices that change different ones at once both have their will.

    Raises ``TooManyRequests``.
    """
    limits.take(action="messaging.change_settings.user", subject=str(actor_id))
    return _change(actor_id, changes)


@transaction.atomic
def _change(actor_id: int, changes: dict[str, Any]) -> Preferences:
    preferences, _created = Preferences.objects.update_or_create(user_id=actor_id, defaults=changes)
    payload = preferences_frame(preferences)
    push.to_users([actor_id], type="messaging_settings.changed", payload=payload, keep=True)
    return preferences
