"""Money in ``talk``: what is typed becomes calls, what comes back becomes lines."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from superapp.client.errors import ApiError
from superapp.client.shapes import Json, Message
from superapp.client.transcript import one_line
from superapp.client.wallet import PinNeeded, Wallet, in_words, parse

HELP = """\
/wallet             what you have
/statement [EUR]    your last payments, of CNY if you do not say
/pin DIGITS         choose your payment PIN, or say it so that payments are approved
/send AMOUNT [NOTE] send money to the other one: 12.50, or 12.50EUR
/take               accept the money that was sent to you last
/giveback           decline it
/undo               take back what you sent last, as long as nobody has accepted it
/request AMOUNT [NOTE]  ask the other one for money
/split AMOUNT [NOTE]    share a bill equally among all in this group
/pay                pay what you were asked for last
/packet AMOUNT [PARTS] [WISHES]  a red packet for the other one, or for the group
/open               open the last red packet"""

STATEMENT_LINES = 10
#: A person's card of money that is not settled yet.
TRANSFER, REQUEST, SPLIT, RED_PACKET = (f"payments.{name}" for name in ("transfer", "request", "split", "red_packet"))


@dataclass(frozen=True)
class Place:
    """The conversation that is open; ``peer_id`` is None in groups."""

    conversation_id: str
    peer_id: str | None


class TalkMoney:
    """``cards(kind)``: the cards of a kind in the conversation that is open, the newest first."""

    def __init__(
        self,
        wallet: Wallet,
        *,
        say: Callable[[str], None],
        cards: Callable[[str], Sequence[Message]],
        place: Callable[[], Place | None],
    ) -> None:
        self.wallet, self._say, self._cards, self._place = wallet, say, cards, place
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "wallet": self._balances,
            "statement": self._statement,
            "pin": self._pin,
            "send": self._send,
            "take": self._take,
            "giveback": self._give_back,
            "undo": self._undo,
            "request": self._request,
            "split": self._split,
            "pay": self._pay,
            "packet": self._packet,
            "open": self._open,
        }

    def knows(self, command: str) -> bool:
        return command in self._commands

    async def obey(self, command: str, rest: str) -> None:
        """Raises ``ClientError``, as the calls do."""
        try:
            await self._commands[command](rest)
        except PinNeeded:
            self._say("* This wants your PIN: /pin and its six digits, then the same once more.")
        except ApiError as error:
            if error.code != "pin_not_set":
                raise
            self._say("* You have no payment PIN yet: /pin and six digits choose one.")

    # --- one's own ----------------------------------------------------------------------------------------------------

    async def _balances(self, _rest: str) -> None:
        for wallet in await self.wallet.balances():
            held = f", {in_words(wallet['held'])} of it held" if wallet["held"]["amount"] else ""
            self._say(f"* {in_words(wallet['balance'])}{held}")

    async def _statement(self, rest: str) -> None:
        shown = 0
        async for line in self.wallet.statement(rest.upper() or "CNY"):
            who = f", {one_line(line['counterparty']['name'])}" if line["counterparty"] else ""
            sign = "+" if line["amount"]["amount"] > 0 else ""
            note = f" “{one_line(line['note'])}”" if line["note"] else ""
            self._say(
                f"* {line['posted_at'][:10]} {sign}{in_words(line['amount'])}: {one_line(line['title'])}{who}{note}"
            )
            shown += 1
            if shown == STATEMENT_LINES:
                return
        if not shown:
            self._say("* Nothing has come or gone yet.")

    async def _pin(self, rest: str) -> None:
        if not (rest.isascii() and rest.isdigit() and len(rest) == 6):
            self._say("* A PIN has six digits.")
        elif (await self.wallet.security())["has_pin"]:
            self.wallet.pin = rest
            self._say("* Payments are approved with this PIN now.")
        else:
            await self.wallet.choose_pin(rest)
            self._say("* This is your payment PIN now.")

    # --- between people -----------------------------------------------------------------------------------------------

    async def _send(self, rest: str) -> None:
        place, (amount, note) = self._place(), _amount_and_more(rest)
        if amount is None or place is None or place.peer_id is None:
            self._say("* /send AMOUNT [NOTE] sends money to a friend, in your chat with them.")
            return
        await self.wallet.transfer(place.peer_id, amount, note=note)

    async def _take(self, _rest: str) -> None:
        await self._end("accept", mine=False)

    async def _give_back(self, _rest: str) -> None:
        await self._end("decline", mine=False)

    async def _undo(self, _rest: str) -> None:
        await self._end("cancel", mine=True)

    async def _end(self, how: str, *, mine: bool) -> None:
        whose = "payer_id" if mine else "payee_id"
        waiting = self._open_cards(TRANSFER, lambda data: data[whose] == self._me)
        if not waiting:
            self._say("* There is no money waiting here.")
            return
        ended = await self.wallet.end_transfer(waiting[0]["reference"], how)
        self._say(f"* {in_words(ended['amount'])}: {ended['state']}")

    async def _request(self, rest: str) -> None:
        place, (amount, note) = self._place(), _amount_and_more(rest)
        if amount is None or place is None or place.peer_id is None:
            self._say("* /request AMOUNT [NOTE] asks a friend for money, in your chat with them.")
            return
        await self.wallet.request(place.peer_id, amount, note=note)

    async def _split(self, rest: str) -> None:
        place, (amount, note) = self._place(), _amount_and_more(rest)
        if amount is None or place is None or place.peer_id is not None:
            self._say("* /split AMOUNT [NOTE] shares a bill in a group.")
            return
        await self.wallet.split(place.conversation_id, amount, await self._members(place), note=note)

    async def _pay(self, _rest: str) -> None:
        asked = self._open_cards(REQUEST, lambda data: data["payer_id"] == self._me)
        asked += self._open_cards(SPLIT, lambda data: self._me not in data["paid_ids"])
        for card in sorted(asked, key=lambda card: card["seq"], reverse=True):
            reference = card["reference"]
            if card["kind"] == REQUEST:
                paid = (await self.wallet.pay_request(reference))["amount"]
            elif (owed := self._share(await self.wallet.bill(reference))) is not None:
                await self.wallet.pay_share(reference)
                paid = owed
            else:
                continue
            self._say(f"* Paid: {in_words(paid)}.")
            return
        self._say("* Nobody has asked you for money here.")

    def _share(self, bill: Json) -> Json | None:
        """What we still owe of it. The card says who has paid, and not who owes."""
        mine = (share for share in bill["shares"] if share["user"]["id"] == self._me and share["paid_at"] is None)
        return next((share["amount"] for share in mine), None)

    # --- red packets --------------------------------------------------------------------------------------------------

    async def _packet(self, rest: str) -> None:
        place, (amount, more) = self._place(), _amount_and_more(rest)
        if amount is None or place is None:
            self._say("* /packet AMOUNT [PARTS] [WISHES] sends a red packet.")
            return
        parts, _, wishes = more.partition(" ")
        if not parts.isdigit():
            parts, wishes = "", more
        kind, most = "one_to_one", 1
        if place.peer_id is None:
            # One for each of the others, unless somebody says how many.
            kind, most = "random", max(1, len(await self._members(place)) - 1)
        count = int(parts) if parts else most
        await self.wallet.send_red_packet(place.conversation_id, kind, amount, parts=count, greeting=one_line(wishes))

    async def _open(self, _rest: str) -> None:
        # What we sent to the other one is theirs to open.
        packets = [card for card in self._cards(RED_PACKET) if not self._is_for_other(card["body"]["data"])]
        if not packets:
            self._say("* There is no red packet here.")
            return
        opened = await self.wallet.open_red_packet(packets[0]["body"]["reference"])
        mine = opened["mine"]["opened"]
        self._say(f"* You got {in_words(mine['amount'])}." if mine else "* Nothing was left in it for you.")
        for claim in await self.wallet.claims(opened["id"]):
            luckiest = " (luckiest)" if claim["is_luckiest"] else ""
            self._say(f"*   {one_line(claim['user']['display_name'])}: {in_words(claim['amount'])}{luckiest}")

    def _is_for_other(self, data: Json) -> bool:
        return data["kind"] == "one_to_one" and data["sender_id"] == self._me

    # --- what stands in the conversation ------------------------------------------------------------------------------

    async def _members(self, place: Place) -> list[str]:
        members = [member async for member in self.wallet.api.members(place.conversation_id)]
        return [member["user"]["id"] for member in members if member["user"]]

    @property
    def _me(self) -> str:
        return self.wallet.api.user_id

    def _open_cards(self, kind: str, is_mine: Callable[[Json], bool]) -> list[Json]:
        """Bodies of cards that wait for us, the newest first, with their ``seq``."""
        return [
            {**card["body"], "seq": card["seq"]}
            for card in self._cards(kind)
            if card["body"]["data"]["state"] in {"pending", "open"} and is_mine(card["body"]["data"])
        ]


def _amount_and_more(rest: str) -> tuple[Json | None, str]:
    first, _, more = rest.partition(" ")
    return parse(first), one_line(more)
