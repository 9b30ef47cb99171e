"""What the security of wallets does about what happens elsewhere."""

from datetime import datetime

from payments import services
from superapp.accounts.events import PhoneChanged
from superapp.core.events import at_least_once


@at_least_once(PhoneChanged)
def lower_limits(event: PhoneChanged) -> None:
    services.lower_limits(user_id=event.user_id, changed_at=datetime.fromisoformat(event.changed_at))
