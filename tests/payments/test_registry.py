"""Purposes: what products say of the lines that they cause."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from payments.registry import KINDS, _Purposes, purposes


def test_purpose_is_named_once() -> None:
    some = _Purposes()
    some.register("taxi.fare", label="Ride")
    with pytest.raises(ImproperlyConfigured):
        some.register("taxi.fare", label="Another ride")


@pytest.mark.parametrize("name", ["", "Taxi", "1st", "taxi fare", "t" * 41])
def test_purpose_has_a_name_that_rows_can_hold(name: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        _Purposes().register(name, label="Ride")


@pytest.mark.parametrize("kind", ["rides", "refund", ""])
def test_kind_is_one_that_people_filter_by_and_no_purpose_is_all_refunds(kind: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        _Purposes().register("taxi.fare", label="Ride", kind=kind)


def test_entries_are_of_the_kind_of_their_purpose_and_refunds_of_their_own() -> None:
    some = _Purposes()
    some.register("taxi.fare", label="Ride")
    some.register("taxi.gift", label="Gift", kind="transfer")
    assert some.kind_of("taxi.fare", "pay") == "payment"
    assert some.kind_of("taxi.fare", "refund:1") == "refund"
    # What is given back of a transfer is still a transfer.
    assert some.kind_of("taxi.gift", "refund") == "transfer"
    assert some.kind_of("gone.since", "pay") == "payment"
    assert some.kind_of("gone.since", "refund") == "refund"
    assert some.of_kind("payment") == ["taxi.fare"]


def test_what_the_house_posts_is_registered_and_every_kind_has_a_name() -> None:
    assert {"payments.opening", "payments.adjustment"} <= set(purposes.of_kind("adjustment"))
    assert all(str(label) for label in KINDS.values())
