"""What happened to the security of a wallet: in the audit log, and on every device of its person."""

from messaging import services as messaging
from superapp.core import audit
from superapp.core.ids import new_id


def note(user_id: int, what: str, *, actor_id: int | None, reason: str = "", **facts: str) -> None:
    """In the transaction that does it. ``actor_id``: None where the rules did."""
    audit.record(
        actor_id=actor_id,
        action=f"payments.{what}",
        subject=("wallet", str(user_id)),
        after=facts or None,
        reason=reason,
    )
    messaging.notify(user_id=user_id, kind=f"payments.{what}", params=facts, dedupe_key=f"payments.{what}:{new_id()}")
