"""The audit log where transactions really commit."""

import pytest

from superapp.core import audit


@pytest.mark.usefixtures("committed_db")
def test_entry_belongs_into_the_transaction_of_its_change() -> None:
    with pytest.raises(AssertionError, match="inside the transaction"):
        audit.record(actor_id=1, action="tests.thing_done", subject=("user", "1"))
    assert not audit.entries_about("user", "1").exists()
