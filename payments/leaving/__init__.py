"""Somebody leaves the product: what a copy of their data holds of money, what they have to settle before, what goes.

Each module has its nouns, and the columns of which it takes care. Books are kept: what somebody paid and was paid
stays, in their lines and in the statement of whoever was on the other side, under ids that belong to nobody then.
"""

from collections.abc import Iterator

from payments import services
from payments.leaving import adjustments, payments, red_packets, security, transfers, wallets
from superapp.accounts.registry import Blocker, Part

COVERS = {
    **adjustments.COVERS,
    **wallets.COVERS,
    **transfers.COVERS,
    **payments.COVERS,
    **red_packets.COVERS,
    **security.COVERS,
}


def copy_of_person(user_id: int) -> Iterator[Part]:
    yield from adjustments.copy_of_adjustments(user_id)
    yield from wallets.copy_of_wallets(user_id)
    yield from transfers.copy_of_transfers(user_id)
    yield from payments.copy_of_payments(user_id)
    yield from red_packets.copy_of_red_packets(user_id)
    # The last, because one of its parts is only there once somebody has come to their wallet: the others keep their
    # places for a worker that takes over.
    yield from security.copy_of_security(user_id)


def blockers(user_id: int) -> list[Blocker]:
    return [
        *wallets.money_left(user_id),
        *transfers.blockers_of_transfers(user_id),
        *payments.under_way(user_id),
        *red_packets.blockers_of_red_packets(user_id),
    ]


def erase_person(user_id: int) -> None:
    """Each step may be repeated. Nothing of payments and red packets is erased: what the one who is gone did is half of
    what somebody else did. Raises ``AccountNotEmpty``, see ``close_wallets``."""
    services.erase_security(user_id)
    transfers.erase_codes(user_id)
    wallets.close_wallets(user_id)
    services.erase_adjustments(user_id)
