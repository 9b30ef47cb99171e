"""Red packets: what may be sent where, who may open what, what everybody sees of it, and what comes back."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from messaging import services as messaging
from payments import red_packets, selectors, services
from payments.api import red_packet_serializers as shapes
from payments.ledger import services as ledger
from payments.ledger.models import Entry
from payments.ledger.services import set_status
from payments.models import LimitCounter, RedPacket, RedPacketClaim
from payments.registry import purposes
from payments.services.red_packets import LOOK_AGAIN_AFTER
from superapp.accounts import registry as people_registry
from superapp.core import leases
from superapp.core.errors import NotFound
from tests.accounts.outbox import deliver
from tests.messaging.api import Api
from tests.messaging.conftest import Wire, wire  # noqa: F401  (a fixture)
from tests.payments import packets
from tests.payments.money import account, fund, house, wallet
from tests.realtime.people import Device, befriend, friends, group, people, person

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


def money(amount: int, currency: str = "CNY") -> Json:
    return {"amount": amount, "currency": currency}


def wish(conversation_id: int, total: int = 1_000, **given: Any) -> Json:
    return {"conversation_id": str(conversation_id), "kind": "random", "parts": 2, "total": money(total)} | given


def approved(who: Device, body: Json) -> Json:
    """With the PIN, where that would be money."""
    money = body.get("total") or body.get("amount_each") or {"amount": 0}
    amount = money["amount"] if "total" in body else money["amount"] * body.get("parts", 1)
    if type(amount) is not int or not 0 < amount < 2**62:
        return body
    return {**body, "approval": packets.approval(who, body["conversation_id"], amount, money["currency"])}


def post(who: Device, body: Json, *, key: str | None = None) -> Any:
    return Api(who).ok("POST", "red-packets/", approved(who, body), status=201, key=key or str(uuid4()))


def refused(who: Device, body: Json, *, key: str | None = None) -> tuple[int, str]:
    body = approved(who, body)
    before = (RedPacket.objects.count(), Entry.objects.count(), wallet(who.user_id), spent(who))
    answer = Api(who).refused("POST", "red-packets/", body, key=key or str(uuid4()))
    assert (RedPacket.objects.count(), Entry.objects.count(), wallet(who.user_id), spent(who)) == before
    return answer


def spent(who: Device) -> list[int]:
    """What counts against the limits of this day and this year."""
    return list(LimitCounter.objects.filter(user_id=who.user_id).values_list("spent_minor", flat=True))


def tea(count: int = 3) -> tuple[list[Device], int]:
    """People in a group, of whom the first has ten thousand."""
    members = people(count)
    packets.make_rich(members[0], 10_000)
    return members, group(*members)


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_packet_is_money_in_escrow_and_a_card(wire: Wire) -> None:  # noqa: F811
    (ada, bo, _cy), conversation_id = tea()
    wire.pushes()
    sent = post(ada, wish(conversation_id, 501, greeting="To Friday"))
    assert (sent["total"], sent["claimed"], sent["taken"], sent["state"]) == (money(501), money(0), 0, "open")
    assert (sent["kind"], sent["greeting"], sent["sender"]["id"]) == ("random", "To Friday", ada.id)
    assert (wallet(ada.user_id).balance_minor, house("escrow", "red_packets")) == (9_499, 501)
    row = Api(bo).rows(conversation_id)[-1]
    assert (row["kind"], row["body"]["kind"], row["body"]["reference"]) == ("card", "payments.red_packet", sent["id"])
    assert row["body"]["fallback"]["en"] == "Red packet: To Friday"
    # What is in it is for whoever opens it.
    assert "501" not in json.dumps(row["body"]["data"]) + json.dumps(row["mine"]["live"])
    assert row["mine"]["live"] == {"state": "open", "taken": 0, "may_open": True, "opened": None}
    assert "message.created" in wire.types()


def test_a_greeting_that_is_none_is_a_good_wish_in_every_language() -> None:
    (ada, *_), conversation_id = tea()
    post(ada, wish(conversation_id))
    fallback = Api(ada).rows(conversation_id)[-1]["body"]["fallback"]
    assert fallback["en"] == "Red packet: Best wishes!"
    assert len(set(fallback.values())) == 3


def test_the_same_request_again_is_the_same_packet() -> None:
    (ada, *_), conversation_id = tea()
    key = str(uuid4())
    first = post(ada, wish(conversation_id), key=key)
    # The PIN is no part of what was asked: it was used up the first time.
    again = Api(ada).call("POST", "red-packets/", wish(conversation_id), key=key)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first, "true")
    assert refused(ada, wish(conversation_id, 1_001), key=key) == (409, "idempotency_conflict")
    assert wallet(ada.user_id).balance_minor == 9_000
    assert len([row for row in Api(ada).rows(conversation_id) if row["kind"] == "card"]) == 1


def test_equal_parts_are_given_by_their_sum_or_by_each() -> None:
    (ada, *_), conversation_id = tea()
    by_each = {"kind": "equal", "parts": 3, "amount_each": money(100)}
    body = {"conversation_id": str(conversation_id), **by_each}
    assert post(ada, body)["total"] == money(300)
    assert post(ada, wish(conversation_id, 100, kind="equal", parts=3))["total"] == money(100)
    assert [sorted(packet.amounts) for packet in RedPacket.objects.order_by("id")] == [[100] * 3, [33, 33, 34]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"total": money(1)}, (422, "part_too_small")),
        ({"total": money(40_001)}, (422, "part_too_large")),
        ({"kind": "one_to_one", "parts": 1}, (422, "wrong_conversation")),
        ({"parts": 4}, (422, "too_many_parts")),
        ({"parts": 0}, (400, "invalid_input")),
        ({"parts": 101}, (400, "invalid_input")),
        ({"parts": 1.5}, (400, "invalid_input")),
        ({"kind": "generous"}, (400, "invalid_input")),
        ({"amount_each": money(5)}, (400, "invalid_input")),
        ({"kind": "random", "total": money(20_000)}, (402, "insufficient_funds")),
        ({"total": money(100, "JPY")}, (400, "invalid_input")),
        ({"total": money(100, "EUR")}, (402, "insufficient_funds")),
        ({"greeting": "x" * 41}, (400, "invalid_input")),
        *(({"total": money(amount)}, (400, "invalid_input")) for amount in (0, -1, 1.5, "1e3", None, 2**63)),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_and_moves_nothing(change: Json, expected: tuple[int, str]) -> None:
    (ada, *_), conversation_id = tea()
    assert refused(ada, wish(conversation_id) | change) == expected


def test_each_of_equal_parts_has_a_most_as_well() -> None:
    (ada, *_), conversation_id = tea()
    body = {"conversation_id": str(conversation_id), "kind": "equal", "parts": 3}
    assert refused(ada, {**body, "amount_each": money(20_001)}) == (422, "part_too_large")
    assert refused(ada, {**body, "amount_each": money(9_000_000_000_000_000)}) == (422, "part_too_large")
    assert refused(ada, body) == (400, "invalid_input")


def test_a_packet_for_one_goes_to_a_friend_only() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    packets.make_rich(ada, 10_000)
    body = wish(conversation_id, kind="one_to_one", parts=1)
    assert refused(ada, wish(conversation_id)) == (422, "wrong_conversation")
    assert refused(ada, {**body, "parts": 2}) == (422, "too_many_parts")
    post(ada, body)
    messaging.remove_friend(actor_id=bo.user_id, friend_id=ada.user_id)
    assert refused(ada, body) == (403, "not_friends")
    assert wallet(ada.user_id).balance_minor == 9_000


def test_whoever_is_blocked_sends_nothing() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    packets.make_rich(ada, 10_000)
    messaging.block(actor_id=bo.user_id, user_id=ada.user_id)
    assert refused(ada, wish(conversation_id, kind="one_to_one", parts=1)) == (403, "blocked")


def test_what_was_drawn_can_be_drawn_again_from_the_seed() -> None:
    (ada, *_), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 9_999, parts=3)
    stored = RedPacket.objects.get(id=packet.id)
    assert red_packets.random_parts(9_999, 3, most=20_000, seed=bytes(stored.seed)) == stored.amounts
    other = packets.send(ada, conversation_id, 9_999, parts=3)
    assert bytes(stored.seed) != bytes(RedPacket.objects.get(id=other.id).seed)


def test_only_whoever_may_speak_may_send() -> None:
    (ada, bo, cy), conversation_id = tea()
    for who in (bo, cy):
        packets.make_rich(who, 10_000)
    stranger = person("Eve")
    packets.make_rich(stranger, 10_000)
    assert refused(stranger, wish(conversation_id)) == (404, "not_found")
    assert refused(ada, wish(10**15)) == (404, "not_found")
    messaging.remove_member(actor_id=ada.user_id, conversation_id=conversation_id, user_id=bo.user_id)
    assert refused(bo, wish(conversation_id)) == (404, "not_found")
    messaging.change_group(actor_id=ada.user_id, conversation_id=conversation_id, is_silenced=True)
    assert refused(cy, wish(conversation_id)) == (403, "silenced")
    messaging.disband_group(actor_id=ada.user_id, conversation_id=conversation_id)
    assert refused(ada, wish(conversation_id))[0] in {404, 409}


def test_a_frozen_wallet_sends_nothing() -> None:
    (ada, *_), conversation_id = tea()
    services.freeze_wallet(user_id=ada.user_id, actor_id=ada.user_id, reason="lost")
    assert refused(ada, wish(conversation_id)) == (403, "wallet_frozen")


def test_the_pin_is_for_this_conversation_and_this_amount() -> None:
    (ada, bo, _cy), conversation_id = tea()
    elsewhere = group(ada, bo)
    stolen = {"approval": packets.approval(ada, elsewhere, 1_000)}
    api, key = Api(ada), str(uuid4())
    assert api.refused("POST", "red-packets/", wish(conversation_id), key=key) == (403, "approval_required")
    assert api.refused("POST", "red-packets/", wish(conversation_id) | stolen, key=key) == (403, "approval_invalid")
    assert api.refused("POST", "red-packets/", wish(elsewhere, 999) | stolen, key=key) == (403, "approval_invalid")
    assert RedPacket.objects.count() == 0
    api.ok("POST", "red-packets/", wish(elsewhere) | stolen, status=201, key=key)
    poor = person("Eve")
    fund(poor.user_id, 1_000)
    body = wish(befriend(poor, ada), kind="one_to_one", parts=1)
    assert Api(poor).refused("POST", "red-packets/", body, key=key) == (403, "pin_not_set")


def test_a_card_of_money_is_not_sent_on() -> None:
    (ada, bo, cy), conversation_id = tea()
    post(ada, wish(conversation_id))
    seq = Api(bo).rows(conversation_id)[-1]["seq"]
    path = f"conversations/{conversation_id}/messages/{seq}/forward/"
    elsewhere = befriend(bo, cy)
    body = {"conversation_ids": [str(elsewhere)]}
    assert Api(bo).refused("POST", path, body, key=str(uuid4())) == (422, "not_for_this")


# --- opening ----------------------------------------------------------------------------------------------------------


def tap(who: Device, packet: RedPacket) -> Json:
    return dict(Api(who).ok("POST", f"red-packets/{packet.id}/open/"))


def test_whoever_opens_gets_their_part_once(wire: Wire) -> None:  # noqa: F811
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 1_000)
    wire.pushes()
    first = tap(bo, packet)
    assert first["mine"]["opened"]["amount"] == money(packet.amounts[0])
    assert (first["taken"], first["claimed"], first["total"]) == (1, money(packet.amounts[0]), money(1_000))
    assert wallet(bo.user_id).balance_minor == packet.amounts[0]
    pushed = [(topics, frame) for topics, frame in wire.pushes() if frame["type"] == "red_packet.opened"]
    assert sorted(topic for topics, _frame in pushed for topic in topics) == sorted([f"user:{ada.id}", f"user:{bo.id}"])
    for _topics, frame in pushed:
        assert frame["payload"]["red_packet"] == {key: value for key, value in first.items() if key != "mine"}
        assert frame["payload"]["claim"]["user"]["id"] == bo.id
    # A second tap says the same, and moves nothing.
    assert tap(bo, packet) == first
    assert wallet(bo.user_id).balance_minor == packet.amounts[0]
    # The sender of one for a group may try their luck.
    last = tap(ada, packet)
    assert (last["state"], last["taken"], last["mine"]["opened"]["amount"]) == ("finished", 2, money(packet.amounts[1]))
    # Who comes late is told so, and that is no error.
    late = tap(cy, packet)
    assert (late["state"], late["mine"]) == ("finished", {"may_open": False, "opened": None})
    assert house("escrow", "red_packets") == 0


def test_who_may_open_is_decided_here() -> None:
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    path = f"red-packets/{packet.id}/open/"
    assert Api(person("Eve")).refused("POST", path) == (404, "not_found")
    messaging.remove_member(actor_id=ada.user_id, conversation_id=conversation_id, user_id=bo.user_id)
    assert Api(bo).refused("POST", path) == (404, "not_found")
    messaging.block(actor_id=ada.user_id, user_id=cy.user_id)
    assert Api(cy).refused("POST", path) == (404, "not_found")
    assert Api(cy).refused("GET", f"red-packets/{packet.id}/") == (404, "not_found")
    assert Api(cy).refused("POST", "red-packets/999/open/") == (404, "not_found")
    messaging.unblock(actor_id=ada.user_id, user_id=cy.user_id)
    assert tap(cy, packet)["mine"]["opened"] is not None
    assert RedPacketClaim.objects.count() == 1


def test_a_group_that_was_ended_keeps_what_was_given_to_it() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    messaging.disband_group(actor_id=ada.user_id, conversation_id=conversation_id)
    assert packets.open_packet(bo, packet) == packet.amounts[0]


def test_whoever_is_let_back_in_may_open() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    ours = {"actor_id": ada.user_id, "conversation_id": conversation_id}
    messaging.remove_member(**ours, user_id=bo.user_id)
    with pytest.raises(NotFound):
        packets.open_packet(bo, packet)
    messaging.add_members(**ours, user_ids=[bo.user_id])
    assert packets.open_packet(bo, packet) == packet.amounts[0]


def test_a_packet_for_one_is_opened_by_the_other_one() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    packet = packets.send(ada, conversation_id, 520, kind="one_to_one", parts=1)
    assert Api(ada).refused("POST", f"red-packets/{packet.id}/open/") == (422, "own_red_packet")
    # Before it is open nobody but its sender knows what is in it.
    assert Api(bo).get(f"red-packets/{packet.id}/")["total"] is None
    assert Api(ada).get(f"red-packets/{packet.id}/")["total"] == money(520)
    opened = tap(bo, packet)
    assert (opened["state"], opened["mine"]["opened"]["amount"]) == ("finished", money(520))
    assert opened["mine"]["opened"]["is_luckiest"] is False


def test_a_frozen_wallet_opens_nothing_and_the_part_stays() -> None:
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    services.freeze_wallet(user_id=bo.user_id, actor_id=None, reason="a rule")
    assert Api(bo).refused("POST", f"red-packets/{packet.id}/open/") == (403, "account_frozen")
    assert packets.open_packet(cy, packet) == packet.amounts[0]


def test_a_closed_wallet_opens_nothing_and_the_part_stays() -> None:
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    set_status(account_id=account(bo.user_id), status="closed")
    assert Api(bo).refused("POST", f"red-packets/{packet.id}/open/") == (403, "account_closed")
    assert packets.open_packet(cy, packet) == packet.amounts[0]


def test_a_full_wallet_opens_nothing_and_the_part_stays(settings: Any) -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 1_000, kind="equal")
    settings.WALLET_CEILING_MINOR = 499
    assert Api(bo).refused("POST", f"red-packets/{packet.id}/open/") == (422, "balance_too_high")
    packet.refresh_from_db()
    assert packet.taken == 0


def test_whoever_has_left_keeps_what_they_opened_and_sees_no_more() -> None:
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    first = tap(bo, packet)
    messaging.leave_group(actor_id=bo.user_id, conversation_id=conversation_id)
    packets.open_packet(cy, packet)
    assert tap(bo, packet)["mine"]["opened"]["amount"] == first["mine"]["opened"]["amount"]
    (seen,) = Api(bo).all(f"red-packets/{packet.id}/claims/")
    assert seen["user"]["id"] == bo.id


# --- what everybody sees ----------------------------------------------------------------------------------------------


def test_who_took_what_is_for_those_who_have_opened_theirs_until_it_is_over() -> None:
    (ada, bo, cy, di), conversation_id = tea(4)
    packet = packets.send(ada, conversation_id, 1_000)
    path = f"red-packets/{packet.id}/claims/"
    tap(bo, packet)
    assert [len(Api(who).all(path)) for who in (ada, bo, cy)] == [1, 1, 0]
    assert Api(person("Eve")).refused("GET", path) == (404, "not_found")
    assert not Api(bo).all(path)[0]["is_luckiest"], "nobody knows before all are gone"
    tap(cy, packet)
    seen = Api(di).all(path)
    assert [claim["user"]["id"] for claim in seen] == [bo.id, cy.id]
    assert [claim["amount"]["amount"] for claim in seen] == packet.amounts
    best = 0 if packet.amounts[0] >= packet.amounts[1] else 1
    assert [claim["is_luckiest"] for claim in seen] == [best == 0, best == 1]
    assert Api(di).get(f"red-packets/{packet.id}/")["total"] == money(1_000)


def test_who_took_what_comes_in_pages() -> None:
    members, conversation_id = tea(5)
    packet = packets.send(members[0], conversation_id, 1_000, parts=5)
    for who in members:
        tap(who, packet)
    page = Api(members[0]).get(f"red-packets/{packet.id}/claims/?limit=2")
    assert len(page["results"]) == 2
    everybody = Api(members[0]).all(f"red-packets/{packet.id}/claims/?limit=2")
    assert [claim["user"]["id"] for claim in everybody] == [who.id for who in members]
    assert [claim["is_luckiest"] for claim in everybody].count(True) == 1


def test_cards_on_a_page_are_asked_for_together(django_assert_num_queries: Any) -> None:
    (ada, bo, cy), conversation_id = tea()
    sent = [packets.send(ada, conversation_id, 100) for _ in range(3)]
    tap(bo, sent[0])
    tap(cy, sent[0])
    tap(bo, sent[1])
    live = [row["mine"]["live"] for row in Api(bo).rows(conversation_id)][-3:]
    assert [(one["state"], one["taken"], one["may_open"]) for one in live] == [
        ("finished", 2, False),
        ("open", 1, False),
        ("open", 0, True),
    ]
    assert [one["opened"] and one["opened"]["amount"] for one in live] == [sent[0].amounts[0], sent[1].amounts[0], None]
    with django_assert_num_queries(2):
        selectors.red_packet_card_live([str(packet.id) for packet in sent], bo.user_id)


def test_whoever_was_sent_away_is_shown_no_more_than_the_card() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packets.send(ada, conversation_id)
    messaging.remove_member(actor_id=ada.user_id, conversation_id=conversation_id, user_id=bo.user_id)
    (row,) = [row for row in Api(bo).rows(conversation_id) if row["kind"] == "card"]
    assert row["mine"]["live"] is None


def test_the_card_changes_once_when_it_is_over() -> None:
    members, conversation_id = tea(4)
    packet = packets.send(members[0], conversation_id, 1_000, parts=4)
    for who in members:
        packets.open_packet(who, packet)
    deliver()
    rows = Api(members[1]).rows(conversation_id)
    assert [row["kind"] for row in rows].count("card_updated") == 1
    assert packets.tell() == 0
    (card,) = [row for row in rows if row["kind"] == "card"]
    assert (card["body"]["version"], card["body"]["data"]["state"]) == (2, "finished")
    assert card["body"]["fallback"]["en"].endswith("(all opened)")


def test_an_end_that_nobody_could_announce_is_announced_by_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    packets.open_packet(bo, packet)
    assert packets.tell() == 0
    with monkeypatch.context() as killed:
        killed.setattr("payments.services.red_packets._tell_end", lambda packet_id: False)
        packets.open_packet(cy, packet)
    deliver()
    kinds = [row["kind"] for row in Api(ada).rows(conversation_id)]
    assert "card_updated" not in kinds
    assert (packets.tell(), packets.tell()) == (1, 0)
    deliver()
    (card,) = [row for row in Api(bo).rows(conversation_id) if row["kind"] == "card"]
    assert card["body"]["data"]["state"] == "finished"


def test_what_i_sent_and_received_with_the_sums_of_the_year() -> None:
    (ada, bo, cy), conversation_id = tea()
    first = packets.send(ada, conversation_id, 1_000)
    second = packets.send(ada, conversation_id, 600, currency="EUR")
    third = packets.send(bo, conversation_id, 70)
    for packet in (first, second, third):
        packets.open_packet(cy, packet)
    packets.open_packet(bo, first)
    sent = Api(ada).all("red-packets/?direction=sent&limit=1")
    assert [packet["id"] for packet in sent] == [str(second.id), str(first.id)]
    received = Api(cy).all("red-packets/?direction=received&limit=2")
    assert [packet["id"] for packet in received] == [str(packet.id) for packet in (third, second, first)]
    assert received[-1]["mine"]["opened"]["amount"] == money(first.amounts[0])
    year = first.created_at.year
    assert Api(ada).get(f"red-packets/year/?year={year}") == {
        "year": year,
        "sent": {"count": 2, "amounts": [money(1_000), money(600, "EUR")]},
        "received": {"count": 0, "amounts": []},
    }
    assert Api(cy).get(f"red-packets/year/?year={year}")["received"] == {
        "count": 3,
        "amounts": [money(first.amounts[0] + third.amounts[0]), money(second.amounts[0], "EUR")],
    }
    assert Api(cy).get(f"red-packets/year/?year={year - 1}")["received"]["count"] == 0


def test_frames_are_their_documented_shapes() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    seen = tap(bo, packet)
    assert seen.keys() == shapes.RedPacketOutput().fields.keys()
    assert seen["mine"].keys() == shapes.MyRedPacketOutput().fields.keys()
    assert seen["mine"]["opened"].keys() == shapes.RedPacketPartOutput().fields.keys()
    (claim,) = Api(bo).all(f"red-packets/{packet.id}/claims/")
    assert claim.keys() == shapes.RedPacketClaimOutput().fields.keys()
    assert Api(bo).get("red-packets/year/?year=2026").keys() == shapes.RedPacketYearOutput().fields.keys()


def test_a_statement_says_what_it_was() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, greeting="To Friday")
    packets.open_packet(bo, packet)
    purpose = purposes.get("payments.red_packet")
    assert purpose is not None
    assert purpose.describe is not None
    assert purpose.kind == "red_packet"
    for viewer, title, counterparty in ((ada, "Red packet sent", None), (bo, "Red packet received", ada.user_id)):
        line = purpose.describe([str(packet.id), "x", "9" * 30], viewer.user_id)[str(packet.id)]
        assert (line.title, line.counterparty_id, line.note) == (title, counterparty, "To Friday")
        assert line.step_titles["expire"] == "Red packet: not opened"


def test_both_find_it_in_their_statements() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 1_000, greeting="To Friday")
    for who in (bo, ada):
        packets.open_packet(who, packet)

    def lines(who: Device) -> list[tuple[str, int, str]]:
        found = Api(who).all("wallet/statement/?currency=CNY&kind=red_packet")
        assert {line["note"] for line in found} == {"To Friday"}
        return [
            (line["title"], line["amount"]["amount"], (line["counterparty"] or {}).get("user_id")) for line in found
        ]

    assert lines(bo) == [("Red packet received", packet.amounts[0], ada.id)]
    assert [line[:2] for line in lines(ada)] == [
        ("Red packet received", packet.amounts[1]),
        ("Red packet sent", -1_000),
    ]


# --- what nobody opened -----------------------------------------------------------------------------------------------


def test_what_nobody_opened_goes_back_after_a_day(wire: Wire) -> None:  # noqa: F811
    (ada, bo, cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 1_000)
    packets.open_packet(bo, packet)
    before = wallet(ada.user_id).balance_minor
    assert packets.sweep() == 0
    packets.end_day(packet)
    # Its day is over, whether or not the loop has been here.
    assert tap(cy, packet)["state"] == "expired"
    assert packets.sweep() == 1
    assert packets.sweep() == 0
    packet.refresh_from_db()
    assert (packet.state, packet.taken, packet.claimed_minor) == ("expired", 1, packet.amounts[0])
    assert wallet(ada.user_id).balance_minor == before + packet.amounts[1]
    assert house("escrow", "red_packets") == 0
    (notice,) = Api(ada).get("notices/")["results"]
    assert notice["kind"] == "payments.red_packet_returned"
    assert f"{packet.amounts[1] / 100:.2f}" in notice["text"]
    deliver()
    (card,) = [row for row in Api(bo).rows(conversation_id) if row["kind"] == "card"]
    assert (card["body"]["version"], card["body"]["data"]["state"]) == (2, "expired")
    # Nobody is the luckiest of what was not all opened.
    assert [claim["is_luckiest"] for claim in Api(cy).all(f"red-packets/{packet.id}/claims/")] == [False]


def test_a_packet_for_one_comes_back_too() -> None:
    ada, bo, conversation_id = friends("Ada", "Bo")
    packet = packets.send(ada, conversation_id, 520, kind="one_to_one", parts=1)
    packets.end_day(packet)
    assert spent(ada) == [520, 520]
    assert packets.sweep() == 1
    assert (wallet(ada.user_id).balance_minor, wallet(bo.user_id).balance_minor) == (520, 0)
    # What came back does not count against the limits.
    assert sorted(spent(ada)) == [0, 0]
    assert tap(bo, packet)["mine"]["opened"] is None


def test_money_comes_back_to_a_frozen_wallet() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    packet = packets.send(ada, conversation_id, 520, kind="one_to_one", parts=1)
    services.freeze_wallet(user_id=ada.user_id, actor_id=ada.user_id, reason="lost")
    packets.end_day(packet)
    assert packets.sweep() == 1
    assert wallet(ada.user_id).balance_minor == 520


def test_a_loop_that_lost_its_lease_gives_nothing_back() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    packet = packets.send(ada, conversation_id, 520, kind="one_to_one", parts=1)
    packets.end_day(packet)
    stale = leases.Lease(name="payments.red_packets", shard="0", owner="gone", token=0)
    with pytest.raises(leases.LeaseLost):
        services.return_unopened(stale)
    packet.refresh_from_db()
    assert (packet.state, wallet(ada.user_id).balance_minor) == ("open", 0)
    assert packets.sweep() == 1


def test_what_cannot_go_back_keeps_no_other_waiting() -> None:
    ada, _bo, conversation_id = friends("Ada", "Bo")
    cy, _di, elsewhere = friends("Cy", "Di")
    stuck = packets.send(ada, conversation_id, 520, kind="one_to_one", parts=1)
    fine = packets.send(cy, elsewhere, 520, kind="one_to_one", parts=1)
    set_status(account_id=account(ada.user_id), status="closed")
    for packet in (stuck, fine):
        packets.end_day(packet)
    assert packets.sweep() == 1
    stuck.refresh_from_db()
    assert stuck.state == "open"
    assert stuck.return_at > stuck.expires_at + LOOK_AGAIN_AFTER
    assert not stuck.is_open
    assert wallet(cy.user_id).balance_minor == 520
    assert packets.sweep() == 0
    # And somebody is told that it stays there.
    assert selectors.overdue_red_packets(timedelta(seconds=50)) == 1
    assert selectors.overdue_red_packets(timedelta(minutes=5)) == 0


# --- what it costs, keeps and is checked by ---------------------------------------------------------------------------


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len([query for query in queries if "SAVEPOINT" not in query["sql"]])


def test_coming_late_and_tapping_twice_cost_two_statements() -> None:
    members, conversation_id = tea(4)
    packet = packets.send(members[0], conversation_id, 100)
    fund(members[1].user_id, 1)
    # The packet, whether it is theirs, their wallet, the function; after the commit what is pushed of it.
    assert statements(lambda: packets.open_packet(members[1], packet)) <= 8
    packets.open_packet(members[2], packet)
    for who in members:
        assert statements(lambda: packets.open_packet(who, packet)) == 2  # noqa: B023


def test_sending_costs_the_same_whatever_the_number_of_parts() -> None:
    members, conversation_id = tea(20)

    def cost(parts: int) -> int:
        given = {"parts": parts, "approval": packets.approval(members[0], conversation_id, 100)}
        asked = {"kind": "random", "total_minor": 100, "currency": "CNY", "idempotency_key": uuid4(), **given}
        send: Any = services.send_red_packet
        return statements(lambda: send(sender_id=members[0].user_id, conversation_id=conversation_id, **asked))

    assert cost(1) == cost(20) <= 12


def test_a_copy_of_somebodys_data_has_theirs() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id, 100, greeting="To Friday")
    packets.open_packet(bo, packet)
    (room,) = [room for room in people_registry.privacy.rooms() if room.name == "payments"]
    of_ada, of_bo = (
        {name: list(part.rows) for name, part in room.export(who.user_id) if isinstance(part, people_registry.Rows)}
        for who in (ada, bo)
    )
    (sent,) = of_ada["red_packets/sent"]
    assert (sent["id"], sent["greeting"], sent["taken"]) == (str(packet.id), "To Friday", 1)
    assert of_ada["red_packets/opened"] == of_bo["red_packets/sent"] == []
    assert [one["amount"] for one in of_bo["red_packets/opened"]] == [money(packet.amounts[0])]
    # Money of theirs is still on its way.
    assert "red_packets_open" in {blocker.code for blocker in room.blockers(ada.user_id)}
    assert "red_packets_open" not in {blocker.code for blocker in room.blockers(bo.user_id)}


def test_the_check_finds_money_that_left_by_another_way() -> None:
    (ada, *_), conversation_id = tea()
    packets.send(ada, conversation_id, 100)
    assert selectors.red_packet_problems() == []
    with transaction.atomic():
        ledger.transfer(
            debit_account_id=ledger.house_account("escrow", "CNY", "red_packets"),
            credit_account_id=account(ada.user_id),
            amount_minor=30,
            currency="CNY",
            purpose="test",
            reference="theft",
            step="send",
        )
        assert selectors.red_packet_problems() == ["escrow of red packets: 70 CNY, and 100 are not opened yet"]
        transaction.set_rollback(True)


# --- what the database refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"taken": 1},
        {"claimed_minor": 1},
        {"amounts": [999, 1]},
        {"total_minor": 1_001},
        {"state": "finished"},
        {"sender_id": 1},
        {"parts": 3},
    ],
)
def test_a_packet_cannot_say_something_else(change: Json) -> None:
    (ada, *_), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    with pytest.raises(DatabaseError), transaction.atomic():
        RedPacket.objects.filter(id=packet.id).update(**change)


def test_a_claim_is_the_part_that_was_drawn_and_stays() -> None:
    (ada, bo, _cy), conversation_id = tea()
    packet = packets.send(ada, conversation_id)
    with pytest.raises(DatabaseError), transaction.atomic():
        RedPacketClaim.objects.create(
            packet_id=packet.id, user_id=bo.user_id, part=1, amount_minor=packet.amounts[0] + 1
        )
    packets.open_packet(bo, packet)
    mine = RedPacketClaim.objects.filter(packet_id=packet.id)
    with pytest.raises(DatabaseError), transaction.atomic():
        mine.update(amount_minor=packet.amounts[1] + 1)
    with pytest.raises(DatabaseError), transaction.atomic():
        mine.delete()
    packet.refresh_from_db()
    # What is over stays over.
    packets.open_packet(ada, packet)
    with pytest.raises(DatabaseError), transaction.atomic():
        RedPacket.objects.filter(id=packet.id).update(state="open", closed_at=None, taken=1)
