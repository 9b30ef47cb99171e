"""Role by page: what staff see and do in the admin, compared with the table in settings/staff.py."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messaging.models import Conversation
from payments.ledger import services as ledger
from payments.ledger.check import check
from payments.ledger.models import Account, Hold, Posting
from payments.ledger.watch import record
from payments.models import MoneyRequest, Payment, RedPacket, Split, Transfer, Volume, Wallet
from superapp.accounts import services
from superapp.accounts.models import DataExport, Device, Erasure, SignInCode, User
from superapp.accounts.staff.backend import permission_name, permissions_of
from superapp.core.ids import new_id
from superapp.core.models import AuditEntry, OutboxEvent
from superapp.media.models import Asset
from superapp.safety.models import Report
from tests.accounts.organisations import requested
from tests.accounts.people import new_phone, person
from tests.accounts.staffers import PASSWORD, browser, staff, submit, verified
from tests.payments import packets, shop
from tests.payments.adjustments import waiting
from tests.payments.money import fund
from tests.payments.payers import payer
from tests.payments.paying import payer_and_friend

pytestmark = pytest.mark.django_db
REASON = "asked by letter, 12 May"


def pages() -> dict[str, Any]:
    return {model._meta.label_lower: page for model, page in admin.site._registry.items()}


def actions_of(page: Any) -> set[str]:
    return {*(page.actions or ()), *(page.actions_detail or ()), *(page.actions_list or ())}


def make_outbox_row() -> OutboxEvent:
    return OutboxEvent.objects.create(
        handler="tests.handler", key="k", shard=0, event={}, due_at=timezone.now(), attempts=10, error="no"
    )


def make_audit_entry() -> AuditEntry:
    return AuditEntry.objects.create(id=new_id(), action="tests.done", subject_kind="user", subject_id="1")


def make_code() -> SignInCode:
    return SignInCode.objects.create(
        challenge="c" * 32, phone=new_phone(), language="en", code_hash="h", expires_at=timezone.now()
    )


def make_erasure() -> Erasure:
    now = timezone.now()
    return Erasure.objects.create(user_id=new_id(), requested_at=now, due_at=now, next_at=now, attempts=8, error="no")


def make_export() -> DataExport:
    now = timezone.now()
    return DataExport.objects.create(
        id=new_id(), user_id=new_id(), client_id=uuid4(), state="failed", attempts=5, due_at=now, expires_at=now
    )


def make_asset() -> Asset:
    return Asset.objects.create(
        id=new_id(), owner_id=1, client_id=uuid4(), request_hash=b"x" * 32, purpose="avatar", kind="photo",
        storage_key="k", content_type="image/png", size_bytes=1, width=1, height=1,
    )  # fmt: skip


def make_hold() -> Hold:
    hold_id = ledger.hold(
        account_id=fund(new_id(), 100), amount_minor=10, currency="CNY", purpose="tests.hold", reference=str(uuid4()),
        step="hold", expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return Hold.objects.get(id=hold_id)


def asked_once() -> dict[str, Any]:
    return {
        "id": new_id(), "amount_minor": 5, "currency": "CNY", "idempotency_key": uuid4(), "request_hash": b"x" * 32
    }  # fmt: skip


def make_transfer() -> Transfer:
    return Transfer.objects.create(**asked_once(), kind="chat", payer_id=1, payee_id=2)


def make_split() -> Split:
    split = Split.objects.create(
        id=new_id(), conversation_id=1, initiator_id=1, total_minor=5, currency="CNY", share_count=2, paid_count=1,
        idempotency_key=uuid4(), request_hash=b"x" * 32,
    )  # fmt: skip
    for user_id, amount in ((1, 2), (2, 3)):
        split.shares.create(id=new_id(), user_id=user_id, amount_minor=amount)
    return split


def make_red_packet() -> RedPacket:
    ada, _bo, conversation_id = payer_and_friend()
    return packets.send(ada, conversation_id, kind="one_to_one", parts=1)


def make_payment() -> Payment:
    return shop.pay(payer(60), shop.to_merchant(shop.new_merchant(), 60))


#: One of each, to look at. A model that the admin shows is missing here at most once: the tests below say so.
MAKE: dict[str, Callable[[], Model]] = {
    "core.outboxevent": make_outbox_row,
    "core.auditentry": make_audit_entry,
    "accounts.user": lambda: User.objects.get(id=person().id),
    "accounts.organisation": lambda: requested(person()),
    "accounts.signincode": make_code,
    "accounts.erasure": make_erasure,
    "accounts.dataexport": make_export,
    "media.asset": make_asset,
    "safety.report": lambda: Report.objects.create(
        id=new_id(), reporter_id=1, subject_kind="user", subject_id="1", reason="spam", snapshot={}
    ),
    "messaging.conversation": lambda: Conversation.objects.create(id=new_id(), kind="group", member_count=1),
    "payments.wallet": lambda: Wallet.objects.create(user_id=person().id),
    "payments.adjustment": lambda: waiting(person().id),
    "payments.volume": lambda: Volume.objects.create(
        id=new_id(),
        day=timezone.now().date(),
        currency="CNY",
        kind="transfer",
        account_kind="wallet",
        in_minor=1,
        out_minor=1,
        postings=2,
    ),
    "payments.transfer": make_transfer,
    "payments.moneyrequest": lambda: MoneyRequest.objects.create(**asked_once(), requester_id=1, payer_id=2),
    "payments.split": make_split,
    "payments.redpacket": make_red_packet,
    "payments.payment": make_payment,
    "payments.refund": lambda: shop.refund(make_payment(), 10),
    "ledger.account": lambda: Account.objects.get(id=fund(new_id(), 100)),
    "ledger.entry": lambda: Posting.objects.filter(account_id=fund(new_id(), 100)).get().entry,
    "ledger.hold": make_hold,
    "ledger.check": lambda: record(check()),
}


def addresses(label: str, one: Model) -> Iterator[tuple[str, str]]:
    """What can be asked for of a page: a name, which is also the table's, and an address."""
    room, _, name = label.partition(".")
    yield "view", reverse(f"admin:{room}_{name}_changelist")
    yield "view", reverse(f"admin:{room}_{name}_change", args=[one.pk])
    for action in pages()[label].actions_detail or ():
        yield action, reverse(f"admin:{room}_{name}_{action}", args=[one.pk])
    for action in pages()[label].actions_list or ():
        yield action, reverse(f"admin:{room}_{name}_{action}")


# --- The table --------------------------------------------------------------------------------------------------------


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    assert set(settings.STAFF_ACCESS) == set(pages()) == set(MAKE)


def test_every_action_stands_in_its_row_under_its_permission() -> None:
    for label, page in pages().items():
        actions = {name: getattr(page, name).permission for name in actions_of(page)}
        assert set(settings.STAFF_ACCESS[label]) == {"view", *actions}, label
        assert actions == {name: permission_name(label, name) for name in actions}


def test_whoever_may_act_may_look() -> None:
    for label, row in settings.STAFF_ACCESS.items():
        assert {role for roles in row.values() for role in roles} <= set(row["view"]), label


def test_table_names_roles_that_there_are() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(settings.STAFF_ROLES)
    named = {role for row in settings.STAFF_ACCESS.values() for roles in row.values() for role in roles}
    assert named <= set(settings.STAFF_ROLES)


def test_nothing_can_be_added_changed_or_deleted_by_a_form() -> None:
    user = staff(is_superuser=True)
    request = type("Request", (), {"user": user})()
    for label, page in pages().items():
        may = (
            page.has_add_permission(request),
            page.has_change_permission(request),
            page.has_delete_permission(request),
        )
        assert may == (False, False, False), label


# --- Everybody at every page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [*settings.STAFF_ROLES, "superuser", "no role"])
def test_role_sees_and_does_what_the_table_says(role: str) -> None:
    is_superuser = role == "superuser"
    user = staff(*([role] if role in settings.STAFF_ROLES else []), is_superuser=is_superuser)
    client, shown = verified(user), {}
    for label, make in MAKE.items():
        one = make()
        for name, address in addresses(label, one):
            expected = 200 if is_superuser or role in settings.STAFF_ACCESS[label][name] else 403
            shown[address] = (client.get(address).status_code, expected)
        for name in pages()[label].actions or ():
            changelist = reverse(f"admin:{label.replace('.', '_')}_changelist")
            allowed = is_superuser or role in settings.STAFF_ACCESS[label][name]
            fields = {"action": name, "_selected_action": [str(one.pk)]}
            found = choose(client, changelist, fields) if sees(client, changelist) else 403
            shown[f"{changelist} {name}"] = (found == 200, allowed)
    assert {address: got for address, (got, expected) in shown.items() if got != expected} == {}


def sees(client: Client, address: str) -> bool:
    return bool(client.get(address).status_code == 200)


def choose(client: Client, address: str, fields: dict[str, Any]) -> int:
    """Ask for an action on chosen rows, without confirming it: 200 is the page that asks for a reason."""
    client.handler.enforce_csrf_checks = False
    try:
        response = client.post(address, fields)
    finally:
        client.handler.enforce_csrf_checks = True
    return 200 if response.status_code == 200 and b'name="reason"' in response.content else 403


@pytest.mark.parametrize("who", ["anonymous", "ordinary person", "staff without second factor", "only the password"])
def test_nobody_else_sees_anything(who: str) -> None:
    client = browser()
    if who == "ordinary person":
        client.force_login(User.objects.get(id=person().id))
    elif who == "staff without second factor":
        client.force_login(staff("operator", is_superuser=True, with_second_factor=False))
    elif who == "only the password":
        user = staff("operator", is_superuser=True)
        submit(client, "/account/sign-in/", {"login": user.handle, "password": PASSWORD})
    expected = {
        "anonymous": (302, "/account/sign-in/"),
        "ordinary person": (404, None),
        "staff without second factor": (302, "/account/second-factor/set-up/"),
        "only the password": (302, "/account/sign-in/"),
    }[who]
    room = [reverse("admin:index"), reverse("admin:search"), reverse("admin:jsi18n"), reverse("admin:password_change")]
    every = [address for label, make in MAKE.items() for _, address in addresses(label, make())]
    for address in [*room, *every, reverse("admin:app_list", args=["accounts"]), f"{reverse('admin:index')}nowhere/"]:
        response = client.get(address)
        leads_to = response.headers.get("Location", "").partition("?")[0] or None
        assert (response.status_code, leads_to) == expected, address


def test_roles_add_up() -> None:
    both = permissions_of(["support", "moderator"])
    assert both == permissions_of(["support"]) | permissions_of(["moderator"])
    assert {"accounts.unlock_user", "accounts.ban_user"} <= both


def test_rows_of_permissions_that_somebody_added_mean_nothing() -> None:
    user = staff("finance")
    everything = list(Permission.objects.filter(content_type__app_label="core"))
    user.user_permissions.set(everything)
    Group.objects.get(name="finance").permissions.set(everything)
    assert verified(user).get(reverse("admin:core_outboxevent_changelist")).status_code == 403


def test_former_staff_and_strangers_have_no_permissions() -> None:
    user = staff("operator")
    assert user.has_perm("core.view_outboxevent")
    User.objects.filter(id=user.id).update(is_staff=False)
    assert not User.objects.get(id=user.id).has_perm("core.view_outboxevent")
    assert not AnonymousUser().has_perm("core.view_outboxevent")


# --- What the pages show (operations 45) ------------------------------------------------------------------------------


def test_pages_of_people_and_codes_show_no_secrets() -> None:
    client = verified(staff("support"))
    ada = person(password="correct horse battery")
    code = make_code()
    user_page = client.get(reverse("admin:accounts_user_change", args=[ada.id])).content.decode()
    assert ada.phone in user_page
    assert "argon2" not in user_page
    assert ada.session.device.access_digest not in user_page
    for address in (
        reverse("admin:accounts_signincode_changelist"),
        reverse("admin:accounts_signincode_change", args=[code.pk]),
    ):
        shown = client.get(address).content.decode()
        assert code.phone in shown
        assert "code_hash" not in shown
    assert code.pk not in client.get(reverse("admin:accounts_signincode_changelist")).content.decode()


def test_pages_of_conversations_show_nothing_that_was_said() -> None:
    client = verified(staff("moderator"))
    talk = Conversation.objects.create(id=new_id(), kind="group", member_count=2, title="Secret plans")
    assert "Secret plans" not in client.get(reverse("admin:messaging_conversation_changelist")).content.decode()
    assert (
        "Secret plans"
        not in client.get(reverse("admin:messaging_conversation_change", args=[talk.pk])).content.decode()
    )
    assert not any(page.model._meta.model_name == "message" for page in admin.site._registry.values())


@pytest.mark.parametrize("label", ["accounts.user", "messaging.conversation"])
def test_opening_something_personal_is_written_down(label: str) -> None:
    user = staff("moderator")
    one = MAKE[label]()
    room, _, name = label.partition(".")
    verified(user).get(reverse(f"admin:{room}_{name}_change", args=[one.pk]))
    entry = AuditEntry.objects.get(actor_id=user.id)
    assert (entry.action, entry.subject_kind, entry.subject_id) == (f"{room}.{name}_viewed", name, str(one.pk))


@pytest.mark.parametrize("known_as", ["id", "phone", "handle"])
def test_people_are_found_by_what_they_are_known_under(known_as: str) -> None:
    ada = person(handle="ada_the_first", display_name="Ada Lovelace")
    person(display_name="Somebody Else")
    client = verified(staff("support"))
    term = {"id": str(ada.id), "phone": ada.phone, "handle": "@Ada_the_first"}[known_as]
    shown = client.get(reverse("admin:accounts_user_changelist"), {"q": term}).content.decode()
    assert "Ada Lovelace" in shown
    assert "Somebody Else" not in shown


# --- What the actions do ----------------------------------------------------------------------------------------------


def act(client: Client, action: str, user_id: int, reason: str = REASON) -> Any:
    address = reverse(f"admin:accounts_user_{action}", args=[user_id])
    return submit(client, address, {"confirmed": "yes", "reason": reason})


def entry_of(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_banning_shuts_somebody_out_until_the_ban_is_lifted() -> None:
    moderator = staff("moderator")
    client, ada = verified(moderator), person(password="correct horse battery")
    assert act(client, "ban", ada.id).status_code == 302
    user = User.objects.get(id=ada.id)
    assert (user.is_active, user.banned_at is not None) == (False, True)
    assert not Device.objects.filter(user_id=ada.id, revoked_at=None).exists()
    assert ada.api.get("/api/v1/me/").status_code == 401
    entry = entry_of("accounts.banned")
    assert (entry.actor_id, entry.subject_id, entry.reason) == (moderator.id, str(ada.id), REASON)
    assert entry.after == {"is_active": False, "devices": 1}
    # Twice is refused, and says so.
    act(client, "ban", ada.id)
    assert AuditEntry.objects.filter(action="accounts.banned").count() == 1
    assert act(client, "unban", ada.id).status_code == 302
    assert User.objects.get(id=ada.id).is_active
    assert services.start_session(user_id=ada.id, device_name="Phone", platform="ios")


def test_without_a_reason_nothing_happens() -> None:
    client, ada = verified(staff("moderator")), person()
    assert act(client, "ban", ada.id, reason="  ").status_code == 200
    assert User.objects.get(id=ada.id).is_active
    assert not AuditEntry.objects.filter(action="accounts.banned").exists()


def test_staff_cannot_ban_one_another() -> None:
    client, other = verified(staff("moderator")), staff("support")
    act(client, "ban", other.id)
    assert User.objects.get(id=other.id).is_active


def test_signing_somebody_out_ends_every_device() -> None:
    client, ada = verified(staff("support")), person()
    ada.another_device()
    act(client, "sign_out", ada.id)
    assert not Device.objects.filter(user_id=ada.id, revoked_at=None).exists()
    assert entry_of("accounts.signed_out_everywhere").after == {"devices": 2}


def test_unlocking_lets_somebody_try_again() -> None:
    ada = person(handle="ada_locked_out", password="correct horse battery")

    def sign_in(password: str) -> int:
        body = {"identifier": ada.handle, "password": password, "device": {"name": "Phone", "platform": "ios"}}
        return int(ada.api.call("POST", "/api/v1/auth/sign-in/password/", body).status_code)

    assert [sign_in("wrong") for _ in range(6)] == [401] * 5 + [429]
    act(verified(staff("support")), "unlock", ada.id)
    assert sign_in("correct horse battery") == 201
    entry_of("accounts.unlocked")


def test_only_a_superuser_takes_second_factors_away() -> None:
    other = staff("operator")
    with pytest.raises(AssertionError):
        act(verified(staff(*settings.STAFF_ROLES)), "reset_second_factor", other.id)
    chief = staff(is_superuser=True)
    act(verified(chief), "reset_second_factor", other.id)
    assert entry_of("accounts.second_factor_reset").actor_id == chief.id
    # They set up a new one at their next sign-in.
    client = browser()
    submit(client, "/account/sign-in/", {"login": other.handle, "password": PASSWORD})
    assert client.get(reverse("admin:index"))["Location"].startswith("/account/second-factor/set-up/")


def test_code_of_a_former_day_is_found_by_its_number() -> None:
    old = SignInCode.objects.create(
        challenge="d" * 32, phone=new_phone(), language="en", code_hash="h", expires_at=timezone.now() - timedelta(1)
    )
    make_code()
    client = verified(staff("support"))
    shown = client.get(reverse("admin:accounts_signincode_changelist"), {"q": old.phone})
    assert [code.pk for code in shown.context["cl"].result_list] == [old.pk]
