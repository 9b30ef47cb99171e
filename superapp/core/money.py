"""Money: a whole number of minor units and a currency. Nothing here rounds, because nothing here divides.

Supported currencies stand in one table. To add one, take its line from ISO 4217 list one
(https://www.six-group.com/en/products-services/financial-information/data-standards.html) for the exponent and from
CLDR for the symbols; no row is rewritten by it. An exponent never changes afterwards: amounts are stored in its units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import translation

# What every client reads exactly from JSON (2^53) with room for sums: ninety trillion of a currency with two decimals.
MAX_AMOUNT_MINOR = 9_000_000_000_000_000


@dataclass(frozen=True)
class Currency:
    """``exponent``: decimals of its minor unit. The symbol depends on who reads it: a dollar is not the only one."""

    exponent: int
    en: str
    fr: str
    zh: str


CURRENCIES: dict[str, Currency] = {
    "AUD": Currency(2, "A$", "$AU", "AU$"),
    "BHD": Currency(3, "BHD", "BHD", "BHD"),
    "CAD": Currency(2, "CA$", "$CA", "CA$"),
    "CHF": Currency(2, "CHF", "CHF", "CHF"),
    "CNY": Currency(2, "CN¥", "CNY", "¥"),
    "EUR": Currency(2, "€", "€", "€"),
    "GBP": Currency(2, "£", "£GB", "£"),
    "HKD": Currency(2, "HK$", "HKD", "HK$"),
    "JPY": Currency(0, "¥", "JPY", "JP¥"),
    "KRW": Currency(0, "₩", "₩", "₩"),
    "KWD": Currency(3, "KWD", "KWD", "KWD"),
    "MAD": Currency(2, "MAD", "MAD", "MAD"),
    "SGD": Currency(2, "SGD", "$SG", "SGD"),
    "TND": Currency(3, "TND", "TND", "TND"),
    "TWD": Currency(2, "NT$", "TWD", "NT$"),
    "USD": Currency(2, "$", "$US", "US$"),
    "XOF": Currency(0, "F\u202fCFA", "F\u202fCFA", "F\u202fCFA"),
}


@dataclass(frozen=True)
class Money:
    """``amount_minor`` of ``currency`` (ISO 4217). Raises ``ValueError`` for anything else."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        # True is an int to Python, and 1.0 equals 1: neither is an amount.
        if type(self.amount_minor) is not int or abs(self.amount_minor) > MAX_AMOUNT_MINOR:
            raise ValueError(f"{self.amount_minor!r} is no amount in minor units")
        if self.currency not in CURRENCIES:
            raise ValueError(f"{self.currency!r} is no currency that is supported")

    def as_json(self) -> dict[str, Any]:
        """As it stands in requests, answers, pushes and events."""
        return {"amount": self.amount_minor, "currency": self.currency}

    def as_decimal(self) -> Decimal:
        """In units of the currency, for files: ``Decimal("-12.50")``."""
        return Decimal(self.amount_minor).scaleb(-CURRENCIES[self.currency].exponent)

    def shown(self, language: str | None = None) -> str:
        """For people, in ``language`` or that of this moment, as CLDR writes it: ``CN¥1,250.00``, ``1 250,00 CNY``."""
        language = language or translation.get_language() or "en"
        currency = CURRENCIES[self.currency]
        whole, rest = divmod(abs(self.amount_minor), 10**currency.exponent)
        sign = "-" if self.amount_minor < 0 else ""
        is_french = language.startswith("fr")
        number = f"{whole:,}".replace(",", "\u202f" if is_french else ",")
        if currency.exponent:
            number += f"{',' if is_french else '.'}{rest:0{currency.exponent}}"
        if is_french:
            return f"{sign}{number}\u00a0{currency.fr}"
        symbol = currency.zh if language.startswith("zh") else currency.en
        return f"{sign}{symbol}{chr(0xA0) if symbol[-1].isalpha() else ''}{number}"


def allocate(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to ``weights`` without losing or making a minor unit (largest remainder).

    Each part is its exact share, rounded down or up to the next minor unit; of equal remainders the first in the list
    gets one. A negative amount is split as its opposite. Raises ``ValueError`` unless there is a weight above zero and
    none below.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("an amount is split by weights of which one is above zero and none below")
    if amount_minor < 0:
        return [-part for part in allocate(-amount_minor, weights)]
    shares = [divmod(amount_minor * weight, total) for weight in weights]
    parts = [share for share, _ in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    for index in by_remainder[: amount_minor - sum(parts)]:
        parts[index] += 1
    return parts
