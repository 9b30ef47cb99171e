import pytest


@pytest.fixture(autouse=True)
def _every_payment_test_leaves_sound_books(ledger_is_sound: None) -> None:
    """Whatever it did or was refused."""
