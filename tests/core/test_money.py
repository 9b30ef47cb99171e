"""Money: whole minor units, exact splits, and amounts that people read as they are used to."""

from typing import Any

import pytest
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from django.utils import translation
from drf_spectacular.openapi import AutoSchema
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from superapp.core.api.fields import MoneyField
from superapp.core.api.schema import MoneySchema
from superapp.core.money import CURRENCIES, MAX_AMOUNT_MINOR, Money, allocate

LANGUAGES = {"en": "en", "fr": "fr", "zh-hans": "zh_Hans"}
amounts = st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR)
monies = st.builds(Money, amounts, st.sampled_from(sorted(CURRENCIES)))


@pytest.mark.parametrize("code", CURRENCIES)
def test_table_is_that_of_iso_4217_and_cldr(code: str) -> None:
    currency = CURRENCIES[code]
    assert currency.exponent == get_currency_precision(code)
    assert [currency.en, currency.fr, currency.zh] == [get_currency_symbol(code, name) for name in LANGUAGES.values()]


@pytest.mark.parametrize(
    "values",
    [
        (1.0, "EUR"), (True, "EUR"), ("1", "EUR"), (None, "EUR"), (MAX_AMOUNT_MINOR + 1, "EUR"),
        (-MAX_AMOUNT_MINOR - 1, "EUR"), (1, "eur"), (1, "XXX"), (1, ""), (1, None), (1, 978),
    ],
)  # fmt: skip
def test_what_is_no_amount_of_a_currency_is_no_money(values: Any) -> None:
    with pytest.raises(ValueError, match="is no"):
        Money(*values)


# --- For people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "en", "fr", "zh"),
    [
        (Money(125_000, "CNY"), "CN¥1,250.00", "1\u202f250,00\u00a0CNY", "¥1,250.00"),
        (Money(5, "EUR"), "€0.05", "0,05\u00a0€", "€0.05"),
        (Money(-123_456_789, "USD"), "-$1,234,567.89", "-1\u202f234\u202f567,89\u00a0$US", "-US$1,234,567.89"),
        (Money(1250, "JPY"), "¥1,250", "1\u202f250\u00a0JPY", "JP¥1,250"),
        (Money(1250, "KWD"), "KWD\u00a01.250", "1,250\u00a0KWD", "KWD\u00a01.250"),
        (Money(0, "GBP"), "£0.00", "0,00\u00a0£GB", "£0.00"),
    ],
)
def test_amount_is_shown_as_its_readers_write_it(money: Money, en: str, fr: str, zh: str) -> None:
    assert [money.shown(language) for language in LANGUAGES] == [en, fr, zh]
    with translation.override("fr"):
        assert money.shown() == fr


@given(monies)
def test_cldr_writes_every_amount_so(money: Money) -> None:
    exact = money.amount_minor
    for language, name in LANGUAGES.items():
        # By whole and rest: a float would not hold such amounts.
        whole, rest = divmod(abs(exact), 10 ** CURRENCIES[money.currency].exponent)
        if whole > 2**40:
            return
        value = float(f"{'-' if exact < 0 else ''}{whole}.{rest:0{CURRENCIES[money.currency].exponent}}")
        expected = format_currency(value, money.currency, locale=name)
        # CLDR puts a no-break space behind a symbol that ends in a letter; Babel leaves it out.
        assert money.shown(language).replace("\u00a0", "") == expected.replace("\u00a0", "")


# --- Splitting --------------------------------------------------------------------------------------------------------

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any)


@given(amounts, weights)
def test_parts_add_up_and_none_is_a_unit_away_from_its_share(amount: int, by: list[int]) -> None:
    parts = allocate(amount, by)
    assert sum(parts) == amount
    for part, weight in zip(parts, by, strict=True):
        # |part - amount * weight / total| < 1, without a float.
        assert abs(part * sum(by) - amount * weight) < sum(by)
        assert weight or not part


@given(amounts, weights)
def test_split_does_not_depend_on_the_scale_of_the_weights_nor_on_the_sign(amount: int, by: list[int]) -> None:
    assert allocate(amount, [weight * 7 for weight in by]) == allocate(amount, by)
    assert allocate(-amount, by) == [-part for part in allocate(amount, by)]


@given(st.integers(0, MAX_AMOUNT_MINOR), weights)
def test_who_weighs_more_never_gets_less(amount: int, by: list[int]) -> None:
    parts = allocate(amount, by)
    for part, weight in zip(parts, by, strict=True):
        assert all(part >= other for other, lighter in zip(parts, by, strict=True) if lighter < weight)


def test_odd_units_go_to_the_largest_remainders_and_then_to_the_first() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(101, [1, 1, 1]) == [34, 34, 33]
    assert allocate(5, [3, 3, 4]) == [2, 1, 2]
    assert allocate(1, [0, 1]) == [0, 1]
    assert allocate(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize("by", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_split_by_nothing_is_a_mistake(by: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(1, by)


# --- In the API -------------------------------------------------------------------------------------------------------


@given(monies.filter(lambda money: money.amount_minor > 0))
def test_what_is_shown_can_be_sent_back(money: Money) -> None:
    field = MoneyField()
    assert field.run_validation(field.to_representation(money)) == money


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"amount": -1, "currency": "EUR"}, {"amount"}),
        ({"amount": 0, "currency": "EUR"}, {"amount"}),
        ({"amount": True, "currency": "EUR"}, {"amount"}),
        ({"amount": 1.0, "currency": "EUR"}, {"amount"}),
        ({"amount": "1", "currency": "EUR"}, {"amount"}),
        ({"amount": None, "currency": "EUR"}, {"amount"}),
        ({"amount": [1], "currency": "EUR"}, {"amount"}),
        ({"amount": 2**63, "currency": "EUR"}, {"amount"}),
        ({"amount": MAX_AMOUNT_MINOR + 1, "currency": "EUR"}, {"amount"}),
        ({"amount": 10**4000, "currency": "EUR"}, {"amount"}),
        ({"amount": 1, "currency": "eur"}, {"currency"}),
        ({"amount": 1, "currency": "XBT"}, {"currency"}),
        ({"amount": 1, "currency": ["EUR"]}, {"currency"}),
        ({"amount": 1, "currency": None}, {"currency"}),
        ({"amount": -1, "currency": "", "unit": "cent"}, {"amount", "currency", "unit"}),
    ],
)
def test_what_is_no_money_is_refused_with_what_is_wrong_about_it(data: Any, wrong: set[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        MoneyField().run_validation(data)
    assert isinstance(refusal.value.detail, dict)
    assert refusal.value.detail.keys() == wrong


@pytest.mark.parametrize("data", [None, 12, "12 EUR", [12, "EUR"], {}, {"amount": 1}, {"currency": "EUR"}])
def test_money_is_an_amount_and_a_currency(data: Any) -> None:
    with pytest.raises(ValidationError):
        MoneyField().run_validation(data)


def test_place_may_take_zero_and_only_some_currencies() -> None:
    assert MoneyField(allow_zero=True).run_validation({"amount": 0, "currency": "EUR"}) == Money(0, "EUR")
    with pytest.raises(ValidationError):
        MoneyField(currencies={"CNY"}).run_validation({"amount": 1, "currency": "EUR"})


def test_schema_says_what_is_taken() -> None:
    described = MoneySchema(MoneyField(currencies={"CNY"})).map_serializer_field(AutoSchema(), "request")
    assert described["properties"]["amount"] == {
        "type": "integer",
        "description": "In minor units of the currency.",
        "minimum": 1,
        "maximum": MAX_AMOUNT_MINOR,
    }
    assert described["properties"]["currency"] == {"type": "string", "enum": ["CNY"]}
    # Answers may show what was taken back.
    described = MoneySchema(MoneyField()).map_serializer_field(AutoSchema(), "response")
    assert "minimum" not in described["properties"]["amount"]
