"""Somebody's money over the public API: what a phone's wallet does.

>>> wallet = Wallet(api, pin="271828")
>>> await wallet.transfer(friend_id, 1250, "CNY", note="lunch")
"""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from superapp.client.api import Api, new_key
from superapp.client.errors import ApiError
from superapp.client.shapes import Json

#: What an amount is in when nobody says otherwise.
CURRENCY = "CNY"
#: Decimals of currencies that do not have two (ISO 4217).
EXPONENTS = {"BHD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3, "XOF": 0}


class PinNeeded(Exception):
    """A payment wants to be approved, and nobody has told us the PIN."""


def money(amount_minor: int, currency: str) -> Json:
    return {"amount": amount_minor, "currency": currency}


def in_words(amount: Json) -> str:
    """``12.50 CNY``."""
    minor, currency = int(amount["amount"]), str(amount["currency"])
    exponent = EXPONENTS.get(currency, 2)
    return f"{Decimal(minor).scaleb(-exponent):.{exponent}f} {currency}"


def parse(text: str) -> Json | None:
    """An amount as people type it, ``12.5`` or ``12.50EUR``; None for anything else."""
    currency = text[-3:].upper() if text[-3:].isalpha() else CURRENCY
    number = text[:-3] if text[-3:].isalpha() else text
    try:
        minor = Decimal(number.strip()).scaleb(EXPONENTS.get(currency, 2))
    except InvalidOperation:
        return None
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 < minor < 10**15:
        return None
    return money(int(minor), currency)


class Wallet:
    """``pin``: with it payments that ask for an approval get one; without, ``PinNeeded`` is raised."""

    def __init__(self, api: Api, *, pin: str | None = None) -> None:
        self.api, self.pin = api, pin

    async def balances(self) -> list[Json]:
        page: Json = await self.api.get("wallet/")
        return list(page["results"])

    async def security(self) -> Json:
        found: Json = await self.api.get("wallet/security/")
        return found

    async def choose_pin(self, pin: str, **proof: str) -> None:
        """The first one. ``proof``: ``password``, or ``challenge`` and ``code``, where signing in is long ago."""
        await self.api.post("wallet/pin/", {"pin": pin, **proof}, key=new_key())
        self.pin = pin

    def statement(self, currency: str = CURRENCY, **filters: Any) -> AsyncIterator[Json]:
        """The newest line first."""
        return self.api.pages("wallet/statement/", {"currency": currency, **filters})

    async def pay(self, path: str, body: Json, *, key: str | None = None) -> Json:
        """A request that moves our money. When the PIN is asked for it is approved and made again, under the same
        key: what was refused has left nothing behind."""
        key = key or new_key()
        try:
            found: Json = await self.api.post(path, body, key=key)
        except ApiError as error:
            if error.code != "approval_required":
                raise
            found = await self.api.post(path, {**body, "approval": await self._approved(error.details)}, key=key)
        return found

    async def _approved(self, payment: Json) -> str:
        if self.pin is None:
            raise PinNeeded
        asked = {name: payment[name] for name in ("kind", "payee", "amount")}
        issued: Json = await self.api.post("wallet/approvals/", {"pin": self.pin, **asked}, key=None)
        return str(issued["approval"])

    # --- people -------------------------------------------------------------------------------------------------------

    async def transfer(self, payee_id: str, amount: Json, *, note: str = "", key: str | None = None) -> Json:
        """To a friend, in their chat: they accept it, or it comes back after a day."""
        return await self.pay("transfers/", {"payee_id": payee_id, "amount": amount, "note": note}, key=key)

    async def end_transfer(self, transfer_id: str, how: str) -> Json:
        """``how``: accept, decline or cancel."""
        found: Json = await self.api.post(f"transfers/{transfer_id}/{how}/", {}, repeatable=True)
        return found

    async def request(self, payer_id: str, amount: Json, *, note: str = "") -> Json:
        """Ask a friend for money, in their chat."""
        body = {"payer_id": payer_id, "amount": amount, "note": note}
        found: Json = await self.api.post("money-requests/", body, key=new_key())
        return found

    async def pay_request(self, request_id: str) -> Json:
        return await self.pay(f"money-requests/{request_id}/pay/", {})

    async def split(self, conversation_id: str, total: Json, user_ids: Sequence[str], *, note: str = "") -> Json:
        """Share a bill equally among people of a group."""
        body = {"conversation_id": conversation_id, "total": total, "participant_ids": list(user_ids), "note": note}
        found: Json = await self.api.post("splits/", body, key=new_key())
        return found

    async def bill(self, split_id: str) -> Json:
        """A split, with whose share is paid."""
        found: Json = await self.api.get(f"splits/{split_id}/")
        return found

    async def pay_share(self, split_id: str) -> Json:
        return await self.pay(f"splits/{split_id}/pay/", {})

    # --- red packets --------------------------------------------------------------------------------------------------

    async def send_red_packet(
        self, conversation_id: str, kind: str, total: Json, *, parts: int = 1, greeting: str = ""
    ) -> Json:
        """``kind``: one_to_one, equal or random."""
        body = {"conversation_id": conversation_id, "kind": kind, "total": total, "parts": parts, "greeting": greeting}
        return await self.pay("red-packets/", body)

    async def open_red_packet(self, packet_id: str) -> Json:
        found: Json = await self.api.post(f"red-packets/{packet_id}/open/", {}, repeatable=True)
        return found

    async def claims(self, packet_id: str) -> list[Json]:
        """Who has opened it, and what was in their parts."""
        return [claim async for claim in self.api.pages(f"red-packets/{packet_id}/claims/")]
