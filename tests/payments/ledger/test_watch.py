"""The loop that checks the books: a stretch at a time, every day what is new, every week everything."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.ledger import check, watch
from payments.ledger.models import Check
from superapp.core import leases, metrics
from superapp.core.ids import new_id
from superapp.core.leases import Lease, LeaseLost
from tests.payments.money import fund

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease() -> Lease:
    Check.objects.all().delete()
    found = leases.claim(name="ledger.check", shard="0", ttl=timedelta(minutes=1))
    assert found is not None
    return found


def run(lease: Lease) -> Check:
    """As the loop does, until there is nothing to do."""
    while watch.go_on(lease):
        pass
    newest = watch.newest()
    assert newest is not None
    return newest


def age(row: Check, **ago: float) -> None:
    Check.objects.filter(id=row.id).update(began_at=timezone.now() - timedelta(**ago))


def test_a_day_has_one_check_and_a_week_a_whole_one(lease: Lease) -> None:
    fund(new_id(), 100)
    first = run(lease)
    assert (first.since, first.problem_count, first.findings["sums"]["looked_at"]) == (None, 0, 1)
    assert run(lease).id == first.id
    age(first, hours=25)
    second = run(lease)
    assert second.since is not None
    assert timedelta(hours=25.9) < timezone.now() - second.since < timedelta(hours=26.1)
    age(second, days=1)
    age(first, days=7)
    assert run(lease).since is None


def test_after_problems_everything_is_looked_at(lease: Lease) -> None:
    first = run(lease)
    Check.objects.filter(id=first.id).update(problem_count=1)
    age(first, hours=25)
    assert run(lease).since is None


def test_it_goes_on_where_it_was(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.step, "__kwdefaults__", check.step.__kwdefaults__ | {"rows": 2})
    for _ in range(5):
        fund(new_id(), 100)
    places = []
    while watch.go_on(lease):
        row = Check.objects.get()
        places.append((row.at, row.after))
    assert len(places) == len(set(places)) > 10
    assert (row.findings["sums"]["looked_at"], row.problem_count) == (5, 0)


def test_a_lost_lease_writes_nothing(lease: Lease) -> None:
    with pytest.raises(LeaseLost):
        watch.go_on(Lease(lease.name, lease.shard, lease.owner, lease.token + 1))
    assert not Check.objects.exists()


def test_problems_are_kept_counted_and_shouted(lease: Lease, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    with monkeypatch.context() as during:
        during.setitem(watch.check.checks.rules, "orders", lambda: ["order 5 gave away more than came in"])
        row = run(lease)
    assert row.findings["orders"] == {
        "looked_at": 1,
        "problems": ["order 5 gave away more than came in"],
        "count": 1,
    }
    assert "ledger.unsound" in caplog.text
    figures = metrics.values("ledger")
    assert figures["superapp_ledger_problems"] == 1
    assert 0 <= figures["superapp_ledger_check_age_seconds"] < 600


def test_figures_count_what_waits_to_be_folded() -> None:
    before = metrics.values("ledger")["superapp_ledger_unfolded"]
    fund(new_id(), 100)
    assert metrics.values("ledger")["superapp_ledger_unfolded"] == before + 1
