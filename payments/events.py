"""Facts that this app announces."""

from dataclasses import dataclass

from superapp.core.events import Event


@dataclass(frozen=True)
class MoneyMoved(Event):
    """Balances of these people in ``currency`` have changed, or what is held of them. Whatever moves people's money
    publishes it in the same transaction: their phones are shown what they have now."""

    user_ids: tuple[int, ...]
    currency: str
