"""Whatever people do with red packets in whatever order, everybody has what a model in plain Python says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run

from messaging import services as messaging
from payments import selectors, services
from payments.errors import TooManyParts, WalletFrozen
from payments.ledger.errors import AccountFrozen, InsufficientFunds
from payments.models import RedPacket
from superapp.core.errors import DomainError, NotFound
from tests.payments import packets
from tests.payments.money import fund, wallet
from tests.payments.paying import make_easy
from tests.payments.security import set_pin
from tests.realtime.people import Device, group, people
from tests.sizes import sizes

pytestmark = pytest.mark.django_db

EVERYBODY = st.integers(0, 3)
OTHERS = st.integers(1, 3)


@dataclass
class Sent:
    """A packet as the model has it: what is in its parts it was told, all else it works out."""

    row: RedPacket
    sender: int
    taken: dict[int, int] = field(default_factory=dict)
    is_over: bool = False

    @property
    def is_open(self) -> bool:
        return not self.is_over and len(self.taken) < self.row.parts


class RedPackets(RuleBasedStateMachine):
    """The first of four owns the group."""

    sent = Bundle("sent")

    @initialize()
    def meet(self) -> None:
        self.people: list[Device] = people(4)
        self.group = group(*self.people)
        self.balances = [1_000] * 4
        for who in self.people:
            set_pin(who.user_id)
            fund(who.user_id, 1_000)
        self.here = set(range(4))
        self.blocks: set[tuple[int, int]] = set()
        self.frozen: set[int] = set()
        self.packets: list[Sent] = []

    def does(self, refusals: set[type[DomainError]], work: Callable[[], Any]) -> Any:
        """What it returns; None where it is refused, for one of the reasons that there are."""
        if refusals:
            with pytest.raises(tuple(refusals)):
                work()
            return None
        return work()

    @rule(
        target=sent, who=EVERYBODY, kind=st.sampled_from(["equal", "random"]), total=st.integers(4, 600),
        parts=st.integers(1, 4),
    )  # fmt: skip
    def send(self, who: int, kind: str, total: int, parts: int) -> Any:
        reasons: set[type[DomainError]] = set()
        if who not in self.here:
            reasons.add(NotFound)
        if who in self.frozen:
            reasons.add(WalletFrozen)
        if parts > len(self.here):
            reasons.add(TooManyParts)
        if total > self.balances[who]:
            reasons.add(InsufficientFunds)
        asked = {"kind": kind, "parts": parts}
        row = self.does(reasons, lambda: packets.spend(self.people[who], self.group, total, **asked))
        if row is None:
            return multiple()
        self.balances[who] -= total
        made = Sent(row=row, sender=who)
        self.packets.append(made)
        return made

    @rule(who=EVERYBODY, packet=sent)
    def open(self, who: int, packet: Sent) -> None:
        mine = packet.taken.get(who)
        reasons: set[type[DomainError]] = set()
        if mine is None:
            if who not in self.here or (packet.sender, who) in self.blocks:
                # Whoever sent it is shown that it is theirs, and gets nothing.
                reasons.add(NotFound)
            elif packet.is_open and who in self.frozen:
                reasons.add(AccountFrozen)
        got = self.does(reasons, lambda: (packets.open_packet(self.people[who], packet.row),))
        if got is None:
            return
        if mine is None and packet.is_open:
            mine = packet.taken[who] = packet.row.amounts[len(packet.taken)]
            self.balances[who] += mine
        assert got == (mine,)

    @rule(packet=sent)
    def end(self, packet: Sent) -> None:
        packets.end_day(packet.row)
        assert packets.sweep() == packet.is_open
        if packet.is_open:
            self.balances[packet.sender] += packet.row.total_minor - sum(packet.taken.values())
        packet.is_over = packet.is_over or packet.is_open

    @rule(who=OTHERS)
    def send_away_or_bring_back(self, who: int) -> None:
        ours = {"actor_id": self.people[0].user_id, "conversation_id": self.group}
        if who in self.here:
            messaging.remove_member(**ours, user_id=self.people[who].user_id)
        elif (who, 0) not in self.blocks:
            messaging.add_members(**ours, user_ids=[self.people[who].user_id])
        else:
            return
        self.here ^= {who}

    @rule(host=EVERYBODY, guest=EVERYBODY)
    def block_or_unblock(self, host: int, guest: int) -> None:
        if host == guest:
            return
        change = messaging.unblock if (host, guest) in self.blocks else messaging.block
        change(actor_id=self.people[host].user_id, user_id=self.people[guest].user_id)
        self.blocks ^= {(host, guest)}

    @rule(who=EVERYBODY)
    def freeze_or_thaw(self, who: int) -> None:
        change = services.unfreeze_wallet if who in self.frozen else services.freeze_wallet
        change(user_id=self.people[who].user_id, actor_id=None, reason="a rule")
        self.frozen ^= {who}

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        if not hasattr(self, "people"):
            return
        assert [wallet(who.user_id).balance_minor for who in self.people] == self.balances
        for packet in self.packets:
            stored = RedPacket.objects.get(id=packet.row.id)
            assert stored.taken == len(packet.taken)
            assert (stored.state == "open") == packet.is_open
        waiting = sum(one.row.total_minor - sum(one.taken.values()) for one in self.packets if one.is_open)
        assert sum(self.balances) + waiting == 4_000
        assert selectors.red_packet_problems() == []


def test_everybody_has_what_they_should(settings: Any) -> None:
    make_easy(settings)
    limited = ("payments.send_red_packet.user", "payments.open_red_packet.user", "messaging.add_members.user")
    more = ("messaging.change_group.user", "messaging.create_group.user", "messaging.change_contacts.user")
    settings.LIMITS_OVERRIDES = dict.fromkeys((*limited, *more), (1000000, 1))
    run(RedPackets, settings=SIZE)


SIZE = settings(
    max_examples=sizes.packet_models,
    stateful_step_count=30,
    deadline=None,
    derandomize=sizes.packet_models < 50,
    database=None,
    suppress_health_check=list(HealthCheck),
)
