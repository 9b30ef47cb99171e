"""What this room plugs into those below it, and its reactions to what happened, by noun."""

from payments import accounts, cards, leaving, notices
from payments.handlers import adjustments, payments, red_packets, requests, splits, transfers, wallets
from payments.handlers import security as security  # Nothing of it is plugged in: it only reacts.
from superapp.accounts import registry as people


def register() -> None:
    """Called once at start."""
    accounts.register()
    cards.register()
    notices.register()
    adjustments.register()
    wallets.register()
    transfers.register()
    requests.register()
    splits.register()
    payments.register()
    red_packets.register()
    people.privacy.register(
        "payments",
        export=leaving.copy_of_person,
        erase=leaving.erase_person,
        blockers=leaving.blockers,
        covers=leaving.COVERS,
    )
