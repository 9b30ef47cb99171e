"""What this room plugs into those below it, and its reactions to what happened."""

from datetime import datetime

from payments import (
    accounts,
    cards,
    corrections,
    leaving,
    notices,
    payment_handlers,
    person_to_person,
    red_packet_handlers,
    services,
    wallet_handlers,
)
from superapp.accounts import registry as people
from superapp.accounts.events import PhoneChanged
from superapp.core.events import at_least_once


def register() -> None:
    """Called once at start."""
    accounts.register()
    cards.register()
    notices.register()
    corrections.register()
    wallet_handlers.register()
    person_to_person.register()
    payment_handlers.register()
    red_packet_handlers.register()
    people.privacy.register(
        "payments",
        export=leaving.copy_of_person,
        erase=leaving.erase_person,
        blockers=leaving.blockers,
        covers=leaving.COVERS,
    )


@at_least_once(PhoneChanged)
def lower_limits(event: PhoneChanged) -> None:
    services.lower_limits(user_id=event.user_id, changed_at=datetime.fromisoformat(event.changed_at))
