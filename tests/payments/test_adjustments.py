"""Corrections by staff: one person up to a limit, two beyond it, each of them once."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from messaging import notices, registry
from payments import services
from payments.errors import AdjustmentDecided, AdjustmentExpired, OwnWallet, SecondPersonNeeded
from payments.ledger.errors import AccountFrozen, BalanceTooHigh, CurrencyMismatch, InsufficientFunds, InvalidAmount
from payments.ledger.models import Entry
from payments.models import Adjustment, AdjustmentDay
from payments.registry import purposes
from superapp.core import audit
from superapp.core.errors import DomainError, IdempotencyConflict, NotFound
from superapp.core.ids import new_id
from superapp.core.models import AuditEntry
from tests.accounts.people import person
from tests.accounts.staffers import staff, submit, verified
from tests.payments.adjustments import AT_ONCE, IN_A_DAY, propose, waiting
from tests.payments.money import fund, house, wallet

pytestmark = pytest.mark.django_db


def refused(error: type[DomainError], user_id: int, amount_minor: int, **given: Any) -> str:
    """It raises, and nothing of it stays."""
    before = (Adjustment.objects.count(), Entry.objects.count(), AuditEntry.objects.count())
    with pytest.raises(error) as refusal, transaction.atomic():
        propose(user_id, amount_minor, **given)
    assert (Adjustment.objects.count(), Entry.objects.count(), AuditEntry.objects.count()) == before
    return str(refusal.value.text)


# --- Alone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [AT_ONCE, 1, -1, -700])
def test_little_is_moved_at_once_told_and_written_down(amount: int) -> None:
    ada, keeper = person(), new_id()
    fund(ada.id, 700)
    done = propose(ada.id, amount, keeper)
    assert (done.state, done.needs_second, done.decided_by_id) == ("done", False, None)
    assert wallet(ada.id).balance_minor == 700 + amount
    assert house("world", "adjustments") == -amount
    entry = AuditEntry.objects.get(action="payments.adjusted")
    assert (entry.actor_id, entry.subject_kind, entry.subject_id) == (keeper, "wallet", str(ada.id))
    assert (entry.before["balance"], entry.after["balance"]) == (700, 700 + amount)
    assert entry.reason == "Fare charged twice."
    (notice,) = notices.notices_of(ada.id)
    assert (notice.kind, notice.params["amount"]) == ("payments.adjusted", amount)


def test_statement_and_notice_say_what_was_written_for_the_person() -> None:
    ada = person()
    given, taken = propose(ada.id, 500), propose(ada.id, -200)
    describe = purposes.get("payments.adjustment").describe  # type: ignore[union-attr]
    assert describe is not None
    lines = describe([str(given.id), str(taken.id)], ada.id)
    assert {line.note for line in lines.values()} == {"Sorry!"}
    assert len(lines) == 2
    # Not to somebody else, whatever number they ask for.
    assert describe([str(given.id)], new_id()) == {}


def test_person_reads_it_in_their_own_statement() -> None:
    ada = person()
    propose(ada.id, 500, public_text="For the ride that never came.")
    (line,) = ada.api.get("/api/v1/wallet/statement/?currency=CNY").json()["results"]
    assert (line["amount"], line["title"]) == ({"amount": 500, "currency": "CNY"}, "Correction")
    assert line["note"] == "For the ride that never came."
    # What staff wrote for themselves is nowhere in it.
    assert "Fare charged twice." not in str(line)
    assert "letter 12" not in str(line)


def test_what_one_moves_on_a_day_adds_up_whichever_way_and_to_whomever() -> None:
    keeper = new_id()
    for number in range(IN_A_DAY // AT_ONCE):
        ada = person()
        fund(ada.id, AT_ONCE)
        assert propose(ada.id, AT_ONCE if number % 2 else -AT_ONCE, keeper).state == "done"
    assert propose(person().id, 1, keeper).state == "waiting"
    # Each currency and each of the staff for itself.
    assert propose(person().id, 1, keeper, currency="EUR").state == "done"
    assert propose(person().id, 1).state == "done"
    assert AdjustmentDay.objects.get(staff_id=keeper, currency="CNY").amount_minor == IN_A_DAY


def test_the_same_again_is_the_same_correction() -> None:
    ada, keeper, key = person(), new_id(), uuid4()
    first = propose(ada.id, 500, keeper, idempotency_key=key)
    assert propose(ada.id, 500, keeper, idempotency_key=key).id == first.id
    assert wallet(ada.id).balance_minor == 500
    assert AdjustmentDay.objects.get(staff_id=keeper).amount_minor == 500
    refused(IdempotencyConflict, ada.id, 501, actor_id=keeper, idempotency_key=key)


# --- By two -----------------------------------------------------------------------------------------------------------


def test_much_waits_until_somebody_else_approves() -> None:
    ada, other = person(), new_id()
    adjustment = waiting(ada.id, 50_000)
    assert wallet(ada.id).balance_minor == 0
    done = services.approve_adjustment(adjustment_id=adjustment.id, actor_id=other, reason="Seen the letter.")
    assert (done.state, done.decided_by_id, done.decision_reason) == ("done", other, "Seen the letter.")
    assert wallet(ada.id).balance_minor == 50_000
    assert AuditEntry.objects.get(action="payments.adjusted").actor_id == other
    assert AuditEntry.objects.get(action="payments.adjustment_proposed").actor_id == adjustment.proposed_by_id
    # The history of the correction has both, that of the wallet what it had before and after.
    about = audit.entries_about("adjustment", str(adjustment.id)).values_list("action", "actor_id")
    assert list(about) == [
        ("payments.adjustment_approved", other),
        ("payments.adjustment_proposed", adjustment.proposed_by_id),
    ]
    # Approved is not moved alone.
    assert not AdjustmentDay.objects.exists()
    with pytest.raises(AdjustmentDecided), transaction.atomic():
        services.approve_adjustment(adjustment_id=adjustment.id, actor_id=new_id(), reason="Again.")
    assert wallet(ada.id).balance_minor == 50_000


def test_nobody_approves_what_they_proposed_or_what_is_for_them() -> None:
    ada = person()
    adjustment = waiting(ada.id)
    for actor_id, error in ((adjustment.proposed_by_id, SecondPersonNeeded), (ada.id, OwnWallet)):
        with pytest.raises(error), transaction.atomic():
            services.approve_adjustment(adjustment_id=adjustment.id, actor_id=actor_id, reason="Mine.")
    assert Adjustment.objects.get(id=adjustment.id).state == "waiting"
    assert wallet(ada.id).balance_minor == 0


def test_database_refuses_what_only_one_decided_about() -> None:
    adjustment = waiting(person().id)
    done = {"state": "done", "decided_at": timezone.now(), "entry_id": 1}
    for decided_by_id in (None, adjustment.proposed_by_id, adjustment.user_id):
        with pytest.raises(IntegrityError, match="adjustment_by_two"), transaction.atomic():
            Adjustment.objects.filter(id=adjustment.id).update(**done, decided_by_id=decided_by_id)
    with pytest.raises(IntegrityError, match="adjustment_of_somebody_else"), transaction.atomic():
        Adjustment.objects.filter(id=adjustment.id).update(user_id=adjustment.proposed_by_id)


def test_refused_is_over_and_moves_nothing() -> None:
    ada = person()
    for decider in ("another", "the proposer"):
        adjustment = waiting(ada.id)
        actor_id = new_id() if decider == "another" else adjustment.proposed_by_id
        services.refuse_adjustment(adjustment_id=adjustment.id, actor_id=actor_id, reason="No such fare.")
        for decide in (services.approve_adjustment, services.refuse_adjustment):
            with pytest.raises(AdjustmentDecided), transaction.atomic():
                decide(adjustment_id=adjustment.id, actor_id=new_id(), reason="Again.")
    assert wallet(ada.id).balance_minor == 0
    assert AuditEntry.objects.filter(action="payments.adjustment_refused", reason="No such fare.").count() == 2


def test_what_nobody_decides_about_in_time_expires() -> None:
    late, early = waiting(person().id), waiting(person().id)
    Adjustment.objects.filter(id=late.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    # Before the sweeper has come by as well.
    with pytest.raises(AdjustmentExpired), transaction.atomic():
        services.approve_adjustment(adjustment_id=late.id, actor_id=new_id(), reason="Late.")
    assert services.expire_adjustments() == 1
    assert services.expire_adjustments() == 0
    assert [Adjustment.objects.get(id=one.id).state for one in (late, early)] == ["expired", "waiting"]


# --- Refused ----------------------------------------------------------------------------------------------------------


def test_more_than_there_is_cannot_be_taken_back() -> None:
    ada = person()
    fund(ada.id, 300)
    assert "CN¥3.00" in refused(InsufficientFunds, ada.id, -301)
    refused(InsufficientFunds, ada.id, -AT_ONCE - 1)
    assert wallet(ada.id).balance_minor == 300


def test_what_was_there_when_it_was_proposed_may_be_gone_when_it_is_approved() -> None:
    ada = person()
    fund(ada.id, 30_000)
    adjustment = waiting(ada.id, -30_000)
    propose(ada.id, -1)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        services.approve_adjustment(adjustment_id=adjustment.id, actor_id=new_id(), reason="Seen.")
    assert Adjustment.objects.get(id=adjustment.id).state == "waiting"
    propose(ada.id, 1)
    services.approve_adjustment(adjustment_id=adjustment.id, actor_id=new_id(), reason="Seen.")
    assert wallet(ada.id).balance_minor == 0


@pytest.mark.parametrize(
    ("error", "amount", "given"),
    [
        (InvalidAmount, 0, {}),
        (InvalidAmount, 9_000_000_000_000_001, {}),
        (CurrencyMismatch, 5, {"currency": "JPY"}),
        (CurrencyMismatch, 5, {"currency": "cny"}),
    ],
)
def test_what_is_no_money_is_refused(error: type[DomainError], amount: int, given: Any) -> None:
    refused(error, person().id, amount, **given)


def test_own_wallets_strangers_and_frozen_wallets_are_refused() -> None:
    ada = person()
    refused(OwnWallet, ada.id, 5, actor_id=ada.id)
    refused(NotFound, new_id(), 5)
    services.freeze_wallet(user_id=ada.id, actor_id=None, reason="Stolen phone.")
    refused(AccountFrozen, ada.id, 5)
    assert AdjustmentDay.objects.count() == 0


def test_a_wallet_takes_no_more_than_its_ceiling() -> None:
    ada = person()
    fund(ada.id, 1_000_000_000)
    refused(BalanceTooHigh, ada.id, 1)


def test_whoever_has_left_is_no_longer_spoken_about() -> None:
    ada = person()
    done = propose(ada.id, 5)
    services.erase_adjustments(ada.id)
    kept = Adjustment.objects.get(id=done.id)
    assert (kept.amount_minor, kept.reason, kept.public_text, kept.reference) == (5, "", "", "")


# --- In the admin -----------------------------------------------------------------------------------------------------


def fields(user: Any, **given: Any) -> dict[str, Any]:
    asked = {"person": str(user.id), "direction": "give", "amount": "12.50", "currency": "CNY", "reason": "Because."}
    return asked | {"public_text": "", "reference": "", "key": str(uuid4())} | given


def go_on(client: Client, asked: dict[str, Any]) -> Any:
    return submit(client, reverse("admin:payments_adjustment_propose"), asked)


def test_form_says_whose_wallet_it_is_before_anything_moves() -> None:
    ada = person(display_name="Ada Lovelace", handle="ada_of_the_form")
    client, asked = verified(staff("finance")), fields(ada, person="@Ada_of_the_form")
    page = go_on(client, asked).content.decode()
    assert "Ada Lovelace (@ada_of_the_form)" in page
    assert "CN¥12.50" in page
    assert wallet(ada.id).balance_minor == 0
    assert go_on(client, asked | {"confirmed": "yes"}).status_code == 302
    # Pressed twice, on a slow line.
    assert go_on(client, asked | {"confirmed": "yes"}).status_code == 302
    assert wallet(ada.id).balance_minor == 1_250


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"person": "@nobody_of_that_name"}, "Nobody is known under that."),
        ({"amount": "12.505"}, "This is no amount that can be moved."),
        ({"amount": "0"}, "This is no amount that can be moved."),
        ({"amount": "-5"}, "greater than or equal"),
        ({"reason": " "}, "This field is required"),
        ({"direction": "take", "confirmed": "yes"}, "Only CN¥0.00 can be taken from this wallet."),
    ],
)
def test_form_says_what_is_wrong_and_keeps_what_was_typed(given: dict[str, str], words: str) -> None:
    page = go_on(verified(staff("finance")), fields(person(), reference="letter 99") | given)
    assert page.status_code == 200
    assert words in page.content.decode()
    assert "letter 99" in page.content.decode()
    assert not Adjustment.objects.exists()


def test_own_wallet_is_refused_in_the_form_too() -> None:
    keeper = staff("finance")
    assert "Nobody does this to their own wallet." in go_on(
        verified(keeper), fields(keeper, confirmed="yes")
    ).content.decode()  # fmt: skip


def test_second_admin_approves_on_its_page_and_the_first_is_not_even_asked() -> None:
    first, second, ada = staff("finance"), staff("finance"), person()
    go_on(verified(first), fields(ada, amount="500", confirmed="yes"))
    adjustment = Adjustment.objects.get()
    page, approve = (
        reverse(f"admin:payments_adjustment_{name}", args=[adjustment.id]) for name in ("change", "approve")
    )
    assert approve not in verified(first).get(page).content.decode()
    submit(verified(first), approve, {"confirmed": "yes", "reason": "Mine."})
    assert wallet(ada.id).balance_minor == 0
    assert approve in verified(second).get(page).content.decode()
    submit(verified(second), approve, {"confirmed": "yes", "reason": "Seen."})
    assert wallet(ada.id).balance_minor == 50_000
    # Decided: neither is offered any more.
    assert approve not in verified(second).get(page).content.decode()


def test_first_page_says_how_many_wait_to_those_who_may_approve() -> None:
    waiting(person().id)
    home = reverse("admin:index")
    assert "wait for a second person" in verified(staff("finance")).get(home).content.decode()
    assert "wait for a second person" not in verified(staff("support")).get(home).content.decode()


def test_queue_shows_what_waits_and_search_everything() -> None:
    ada, client = person(), verified(staff("support"))
    adjustment, done = waiting(ada.id), propose(ada.id, 5)
    rows = reverse("admin:payments_adjustment_changelist")

    def shown(**query: str) -> list[int]:
        return [one.pk for one in client.get(rows, query).context["cl"].result_list]

    assert shown() == [adjustment.id]
    assert shown(state="done") == [done.id]
    assert shown(q=str(ada.id)) == [done.id, adjustment.id]


def test_texts_are_in_the_language_of_their_reader() -> None:
    ada = person()
    propose(ada.id, 500)
    (notice,) = notices.notices_of(ada.id)
    kind = registry.notices.get(notice.kind)
    assert kind is not None
    with translation.override("fr"):
        assert str(kind.text(notice.params)).startswith("Nous avons versé 5,00")
