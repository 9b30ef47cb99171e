"""Hanging uploads on things, and taking them away."""

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from superapp.core.errors import NotFound
from superapp.media import services
from superapp.media.errors import NotReady
from superapp.media.models import Asset
from tests.media.conftest import PURPOSE, Person, stored


def attach(owner: Person, *assets: Asset, reference: str = "1:1", purpose: str = PURPOSE) -> list[Asset]:
    with transaction.atomic():
        return services.attach(
            asset_ids=[asset.id for asset in assets], owner_id=owner.id, purpose=purpose, reference=reference
        )


def references() -> list[str | None]:
    return list(Asset.objects.order_by("id").values_list("reference", flat=True))


def test_attached_in_the_order_given(person: Person) -> None:
    first, second = stored(person), stored(person)
    attached = attach(person, second, first, second)
    assert [asset.id for asset in attached] == [second.id, first.id]
    assert [asset.reference for asset in attached] == ["1:1", "1:1"]
    assert references() == ["1:1", "1:1"]


def test_attaching_again_changes_nothing(person: Person) -> None:
    asset = stored(person)
    assert attach(person, asset) == attach(person, asset) == [asset]


@pytest.mark.parametrize("what", ["absent", "somebody else's", "another purpose", "in use elsewhere"])
def test_what_cannot_be_attached_is_not_found_and_nothing_else_is(what: str, person: Person, other: Person) -> None:
    good, bad = stored(person), stored(person)
    match what:
        case "absent":
            bad.delete()
            bad.id = 12345
        case "somebody else's":
            bad = stored(other)
        case "another purpose":
            bad = stored(person, purpose="test.other")
        case "in use elsewhere":
            attach(person, bad, reference="2:2")
    with pytest.raises(NotFound) as refusal:
        attach(person, good, bad)
    assert refusal.value.details == {"asset_ids": [str(bad.id)]}
    assert Asset.objects.get(id=good.id).reference is None


def test_what_could_not_be_processed_is_not_ready(person: Person) -> None:
    asset = stored(person)
    Asset.objects.update(state="failed")
    with pytest.raises(NotReady) as refusal:
        attach(person, asset)
    assert refusal.value.details == {"asset_ids": [str(asset.id)], "state": "failed", "refusal": ""}
    assert references() == [None]


def test_a_rolled_back_attachment_never_was(person: Person) -> None:
    asset = stored(person)
    with transaction.atomic():
        services.attach(asset_ids=[asset.id], owner_id=person.id, purpose=PURPOSE, reference="1:1")
        transaction.set_rollback(True)
    assert references() == [None]


@pytest.mark.parametrize("count", [1, 9])
def test_attaching_takes_two_statements(
    count: int, person: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assets = [stored(person) for _ in range(count)]
    with django_assert_num_queries(2):
        services.attach(asset_ids=[asset.id for asset in assets], owner_id=person.id, purpose=PURPOSE, reference="1:1")


def test_detached_uploads_can_be_attached_again(person: Person) -> None:
    asset = stored(person)
    attach(person, asset, reference="1:1")
    services.detach(purpose=PURPOSE, reference="1:1")
    assert references() == [None]
    attach(person, asset, reference="2:2")
    assert references() == ["2:2"]


def test_detaching_leaves_others_alone(person: Person) -> None:
    kept, other_purpose = stored(person), stored(person, purpose="test.other")
    attach(person, kept, reference="1:2")
    attach(person, other_purpose, reference="1:1", purpose="test.other")
    services.detach(purpose=PURPOSE, reference="1:1")
    assert references() == ["1:2", "1:1"]
