"""Where upper rooms plug in: accounts of the house, and what else has to hold when somebody checks the books."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

#: Kinds that the house may have, and whether they have a floor: what is ours may not be less than nothing.
HOUSE_KINDS = ("escrow", "fee", "world")


def house_account(kind: str, currency: str, name: str = "") -> int:
    """The id of an account of the house. It follows from the name, so nobody looks it up; it is negative, which an id
    of ``new_id`` never is."""
    assert (kind, name) in house.names, f"no app registered the account {kind}/{name}"
    digest = hashlib.sha256(f"{kind}/{name}/{currency}".encode()).digest()
    return -(int.from_bytes(digest[:8], "big") >> 2) - 1


@dataclass(frozen=True)
class HouseAccount:
    id: int
    kind: str
    name: str
    currency: str


class _House:
    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []

    def register(self, kind: str, name: str = "") -> None:
        """Called once at start; ``migrate`` opens the account in every currency of ``WALLET_CURRENCIES``."""
        assert kind in HOUSE_KINDS, f"the house has no {kind}"
        if (kind, name) in self.names:
            raise ImproperlyConfigured(f"Two apps registered the account {kind}/{name}.")
        self.names.append((kind, name))

    def accounts(self) -> Iterator[HouseAccount]:
        for kind, name in self.names:
            for currency in settings.WALLET_CURRENCIES:
                yield HouseAccount(house_account(kind, currency, name), kind, name, currency)


class _Checks:
    """Rules beyond the ledger's own, for ``manage.py ledger check``."""

    def __init__(self) -> None:
        self.rules: dict[str, Callable[[], list[str]]] = {}
        self.says: dict[str, str] = {}

    def register(self, name: str, problems: Callable[[], list[str]], *, says: str) -> None:
        """``problems()`` says in sentences what is wrong; it reads as few rows as it can, on the role of the
        application. ``says``: the rule, in words."""
        if name in self.rules:
            raise ImproperlyConfigured(f"Two apps registered the check {name}.")
        self.rules[name], self.says[name] = problems, says


#: Which page of the admin shows the owner of an account of this kind: the ledger knows only a number.
owner_pages: dict[str, str] = {}

house = _House()
checks = _Checks()
