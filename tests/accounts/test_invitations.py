"""Invitations to a staff: to a handle, to a number, by a link; answered once, and never above who invites."""

import logging
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from messaging import services as messaging
from superapp.accounts import services
from superapp.accounts.models import Organisation, OrganisationInvitation, PhoneDirectory, User
from superapp.core.models import AuditEntry, Link, OutboxEvent
from tests.accounts.organisations import join, organisation, owner_count, roles_of
from tests.accounts.people import Person, new_handle, new_phone, person

pytestmark = pytest.mark.django_db
MINE = "/api/v1/organisation-invitations/"


def path_of(made: Organisation) -> str:
    return f"/api/v1/organisations/{made.id}/invitations/"


def invite(inviter: Person, made: Organisation, *roles: str, key: UUID | None = None, **to: str) -> Any:
    body = {"roles": list(roles or ("cashier",)), **to}
    return inviter.api.call("POST", path_of(made), body, HTTP_IDEMPOTENCY_KEY=str(key or uuid4()))


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def accept(someone: Person, invitation: Any) -> Any:
    return someone.api.call("POST", f"{MINE}{invitation['id']}/accept/")


def decline(someone: Person, invitation: Any) -> Any:
    return someone.api.call("POST", f"{MINE}{invitation['id']}/decline/")


def revoke(someone: Person, made: Organisation, invitation: Any) -> Any:
    return someone.api.call("DELETE", f"{path_of(made)}{invitation['id']}/")


def follow(someone: Person, link: str) -> Any:
    return someone.api.call("POST", f"{MINE}accept-link/", {"link": link})


def expire() -> None:
    OrganisationInvitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def waiting(someone: Person) -> list[Any]:
    return list(someone.api.get(MINE).json()["results"])


# --- To a handle ------------------------------------------------------------------------------------------------------


def test_invited_person_sees_the_invitation_and_joins() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    answer = invite(ada, made, "finance", "cashier", handle=str(bo.handle))
    assert answer.status_code == 201
    sent = answer.json()
    assert (sent["roles"], sent["state"], sent["phone"], sent["link"]) == (
        ["cashier", "finance"],
        "pending",
        None,
        None,
    )
    assert (sent["invitee"]["id"], sent["inviter"]["id"]) == (str(bo.id), str(ada.id))
    (shown,) = waiting(bo)
    assert shown == {
        "id": sent["id"],
        "organisation": {"id": str(made.id), "kind": "merchant", "name": "Noodle House"},
        "roles": ["cashier", "finance"],
        "expires_at": sent["expires_at"],
    }
    joined = accept(bo, sent)
    assert (joined.status_code, joined.json()["mine"]["roles"]) == (200, ["cashier", "finance"])
    assert roles_of(made, bo) == ["cashier", "finance"]
    assert (waiting(bo), ada.api.get(path_of(made)).json()["results"]) == ([], [])
    # Again: what the first attempt did.
    assert accept(bo, sent).json() == joined.json()


def test_invitation_is_of_use_only_to_whom_it_is() -> None:
    ada, bo, eve = person(), person(handle=new_handle()), person()
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    for answer in (accept(eve, sent), decline(eve, sent)):
        assert code(answer) == (404, "not_found")
    assert (roles_of(made, eve), waiting(eve)) == (None, [])
    assert accept(bo, sent).status_code == 200


def test_declined_once_it_stays_declined() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    assert [decline(bo, sent).status_code for _ in range(2)] == [204, 204]
    assert code(accept(bo, sent)) == (410, "invitation_ended")
    assert code(revoke(ada, made, sent)) == (410, "invitation_ended")
    assert AuditEntry.objects.filter(action="accounts.invitation_declined").count() == 1


def test_taken_back_it_leads_nowhere() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    assert [revoke(ada, made, sent).status_code for _ in range(2)] == [204, 204]
    assert (waiting(bo), roles_of(made, bo)) == ([], None)
    assert code(accept(bo, sent)) == code(decline(bo, sent)) == (410, "invitation_ended")
    assert AuditEntry.objects.filter(action="accounts.invitation_revoked").count() == 1


def test_accepted_it_can_be_neither_declined_nor_taken_back() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    accept(bo, sent)
    assert code(decline(bo, sent)) == code(revoke(ada, made, sent)) == (410, "invitation_ended")
    assert roles_of(made, bo) == ["cashier"]


def test_invitation_does_not_bring_back_who_has_left() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    accept(bo, sent)
    services.remove_member(actor_id=ada.id, organisation_id=made.id, user_id=bo.id)
    assert code(accept(bo, sent)) == (410, "invitation_ended")
    assert roles_of(made, bo) is None


def test_invitations_expire() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    sent = invite(ada, made, handle=str(bo.handle)).json()
    link = invite(ada, made).json()["link"]["url"]
    expire()
    Link.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (waiting(bo), ada.api.get(path_of(made)).json()["results"]) == ([], [])
    assert code(accept(bo, sent)) == (410, "invitation_ended")
    assert code(follow(bo, link)) == (410, "link_ended")
    assert roles_of(made, bo) is None


def test_newest_offer_counts() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    first = invite(ada, made, "cashier", handle=str(bo.handle)).json()
    newest = invite(ada, made, "finance", handle=str(bo.handle)).json()
    assert [one["id"] for one in waiting(bo)] == [newest["id"]]
    assert code(accept(bo, first)) == (410, "invitation_ended")
    assert accept(bo, newest).json()["mine"]["roles"] == ["finance"]


def test_who_works_there_already_is_not_invited() -> None:
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "cashier")
    assert code(invite(ada, made, "finance", handle=str(bo.handle))) == (409, "already_on_staff")
    assert code(invite(ada, made, handle="nobody_has_this")) == (404, "not_found")
    assert code(invite(ada, made, handle="x", phone="+33612345678")) == (400, "invalid_input")


def test_who_hides_from_the_inviter_is_not_there_to_be_invited() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    messaging.block(actor_id=bo.id, user_id=ada.id)
    hidden, nobody = invite(ada, made, handle=str(bo.handle)), invite(ada, made, handle="nobody_has_this")
    assert (hidden.status_code, hidden.content) == (nobody.status_code, nobody.content)
    assert code(hidden) == (404, "not_found")
    assert waiting(bo) == []


# --- Within one's own rights ------------------------------------------------------------------------------------------


def test_nobody_invites_above_their_own_rights() -> None:
    ada = person()
    made = organisation(ada)
    manager, cashier = join(made, ada, "manager"), join(made, ada, "cashier")
    before = OrganisationInvitation.objects.count()
    for inviter, roles, expected in [
        (manager, ["owner"], (403, "forbidden")),
        (manager, ["cashier", "finance"], (403, "forbidden")),
        (cashier, ["cashier"], (403, "forbidden")),
        (person(), ["cashier"], (404, "not_found")),
        (ada, ["editor"], (422, "role_unknown")),
    ]:
        assert code(invite(inviter, made, *roles)) == expected
        # Oneself is nobody else.
        assert code(invite(inviter, made, *roles, phone=inviter.phone)) == expected
    assert OrganisationInvitation.objects.count() == before
    assert invite(manager, made, "manager").status_code == 201
    for look in (cashier.api.get(path_of(made)),):
        assert code(look) == (403, "forbidden")


def test_staff_who_invite_themselves_as_owner_are_refused() -> None:
    ada = person()
    brand = organisation(ada, kind="brand")
    for role in ("editor", "sender", "analyst", "agent", "developer"):
        staff = join(brand, ada, role)
        assert code(invite(staff, brand, "owner", handle=str(staff.handle))) == (403, "forbidden")
        assert code(invite(staff, brand, "owner", phone=staff.phone)) == (403, "forbidden")
        assert code(invite(staff, brand, "owner")) == (403, "forbidden")
        assert roles_of(brand, staff) == [role]
    assert owner_count(brand) == 1


def test_what_goes_beyond_ones_rights_cannot_be_taken_back_nor_replaced() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    manager = join(made, ada, "manager")
    sent = invite(ada, made, "owner", handle=str(bo.handle)).json()
    assert code(revoke(manager, made, sent)) == (403, "forbidden")
    assert code(invite(manager, made, "cashier", handle=str(bo.handle))) == (403, "forbidden")
    assert accept(bo, sent).json()["mine"]["roles"] == ["owner"]
    assert owner_count(made) == 2


def test_what_has_expired_stands_in_nobodys_way() -> None:
    ada, bo = person(), person(handle=new_handle())
    made = organisation(ada)
    manager = join(made, ada, "manager")
    invite(ada, made, "owner", handle=str(bo.handle))
    expire()
    assert accept(bo, invite(manager, made, handle=str(bo.handle)).json()).json()["mine"]["roles"] == ["cashier"]


def test_offer_of_somebody_who_could_not_make_it_any_more_does_not_stand() -> None:
    ada, bo, cy = person(), person(handle=new_handle()), person(handle=new_handle())
    made = organisation(ada)
    manager = join(made, ada, "manager")
    first = invite(manager, made, "manager", handle=str(bo.handle)).json()
    services.change_roles(actor_id=ada.id, organisation_id=made.id, user_id=manager.id, roles=["cashier"])
    assert code(accept(bo, first)) == (410, "invitation_ended")
    second = invite(ada, made, handle=str(cy.handle)).json()
    services.suspend_organisation(organisation_id=made.id, actor_id=None, reason="looked into")
    assert (code(accept(cy, second)), waiting(cy)) == ((410, "invitation_ended"), [])
    services.reinstate_organisation(organisation_id=made.id, actor_id=None, reason="all well")
    assert accept(cy, second).status_code == 200


# --- To a number ------------------------------------------------------------------------------------------------------


def test_number_is_matched_when_it_is_answered() -> None:
    ada = person()
    made = organisation(ada)
    phone = new_phone()
    sent = invite(ada, made, phone=f" {phone[:3]} {phone[3:]}").json()
    assert (sent["phone"], sent["invitee"]) == (phone, None)
    user, is_new = services.profile.user_for_phone(phone, language="en")
    assert is_new
    session = services.start_session(user_id=user.id, device_name="Phone", platform="ios")
    late = Person(id=user.id, phone=phone, handle=None, session=session)
    assert [one["id"] for one in waiting(late)] == [sent["id"]]
    assert accept(late, sent).json()["mine"]["roles"] == ["cashier"]


def test_number_that_has_changed_hands_is_its_new_persons() -> None:
    ada, bo, cy = person(), person(), person()
    made = organisation(ada)
    phone = bo.phone
    sent = invite(ada, made, phone=phone).json()
    PhoneDirectory.objects.filter(phone=phone).update(user_id=cy.id)
    User.objects.filter(id=bo.id).update(phone=None)
    User.objects.filter(id=cy.id).update(phone=phone)
    assert code(accept(bo, sent)) == (404, "not_found")
    assert accept(cy, sent).status_code == 200


def test_answer_does_not_tell_whether_somebody_has_the_number() -> None:
    ada, bo = person(), person()
    made = organisation(ada)
    invite(ada, made, phone=new_phone())
    seen = []
    for phone in (bo.phone, new_phone()):
        with CaptureQueriesContext(connection) as asked:
            answer = invite(ada, made, phone=phone)
        shown = {**answer.json(), "id": "", "phone": "", "created_at": "", "expires_at": ""}
        statements = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in asked]
        seen.append((answer.status_code, dict(answer.headers) | {"X-Request-ID": ""}, shown, statements))
    assert seen[0] == seen[1]


def test_my_invitations_ask_as_much_however_many_there_are() -> None:
    ada, bo, counts = person(), person(handle=new_handle()), []
    for target in ({"handle": str(bo.handle)}, {"phone": bo.phone}):
        assert invite(ada, organisation(ada), **target).status_code == 201
        with CaptureQueriesContext(connection) as asked:
            bo.api.get(MINE)
        counts.append(len(asked))
    assert counts == [3, 3], "who asks, their number, the page"
    assert len(waiting(bo)) == 2


# --- By link ----------------------------------------------------------------------------------------------------------


def test_link_is_scanned_shown_and_followed_by_one_person() -> None:
    ada, bo, eve = person(), person(), person()
    made = organisation(ada)
    link = invite(ada, made, "finance").json()["link"]
    assert link["svg"].startswith("<svg")
    scanned = bo.api.call("POST", "/api/v1/scan/", {"content": link["url"]}).json()
    assert (scanned["kind"], scanned["title"]) == ("organisation_invitation", "Noodle House")
    assert (scanned["data"]["organisation"]["id"], scanned["data"]["roles"]) == (str(made.id), ["finance"])
    page = Client().get(link["url"].partition("/l/")[1] + link["url"].partition("/l/")[2])
    assert page.status_code == 200
    assert b"An invitation to work together" in page.content
    assert b"Noodle House" not in page.content
    joined = follow(bo, link["url"])
    assert joined.json()["mine"]["roles"] == ["finance"]
    assert follow(bo, link["url"]).json() == joined.json()
    assert code(follow(eve, link["url"])) == (410, "invitation_ended")
    assert code(eve.api.call("POST", "/api/v1/scan/", {"content": link["url"]})) == (410, "link_ended")
    assert roles_of(made, eve) is None


def test_link_that_was_taken_back_is_over() -> None:
    ada, bo = person(), person()
    made = organisation(ada)
    sent = invite(ada, made).json()
    assert revoke(ada, made, sent).status_code == 204
    assert code(follow(bo, sent["link"]["url"])) == (410, "link_ended")
    assert code(bo.api.call("POST", "/api/v1/scan/", {"content": sent["link"]["url"]})) == (410, "link_ended")


def test_link_of_another_kind_is_no_invitation() -> None:
    bo = person()
    card = bo.api.get("/api/v1/me/qr/").json()["url"]
    for content in (card, "https://elsewhere.example/l/AAAAAAAAAAAAAAAAAAAAAAAA", "x", card[:-1] + "!"):
        assert code(follow(bo, content)) == (404, "not_found")


def test_link_cannot_be_guessed_and_stands_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """At least 128 bits, and only a hash of them in the database; nothing in the logs and in the audit log."""
    ada, bo = person(), person()
    made = organisation(ada)
    with caplog.at_level(logging.DEBUG):
        links = {invite(ada, made).json()["link"]["url"] for _ in range(3)}
        tokens = {link.rpartition("/l/")[2] for link in links}
        follow(bo, next(iter(links)))
        follow(bo, f"{next(iter(links))}x")
    assert len(tokens) == 3
    assert {len(token) * 6 for token in tokens} == {144}
    for token in tokens:
        assert token not in caplog.text
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s', [f"%{token}%"])
                assert cursor.fetchone()[0] == 0, table


# --- Again and often --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["handle", "phone", "link"])
def test_retry_finds_the_first_invitation(to: str) -> None:
    ada, bo, key = person(), person(handle=new_handle()), uuid4()
    made = organisation(ada)
    target = {"handle": {"handle": str(bo.handle)}, "phone": {"phone": bo.phone}, "link": {}}[to]
    first, again = (invite(ada, made, key=key, **target) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (first.headers.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert OrganisationInvitation.objects.filter(organisation_id=made.id).count() == 1
    assert Link.objects.filter(kind="organisation_invitation").count() == (to == "link")
    assert code(invite(ada, made, "finance", key=key, **target)) == (409, "idempotency_conflict")
    assert OutboxEvent.objects.filter(event__organisation_id=made.id).count() == 1


def test_retry_says_nothing_to_who_could_not_ask_any_more() -> None:
    ada, key = person(), uuid4()
    made = organisation(ada)
    manager = join(made, ada, "manager")
    assert invite(manager, made, key=key).status_code == 201
    services.remove_member(actor_id=ada.id, organisation_id=made.id, user_id=manager.id)
    assert code(invite(manager, made, key=key)) == (404, "not_found")


def test_organisation_may_send_so_many_a_day(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.invite_staff.organisation": (2, 86_400)}
    ada, key = person(), uuid4()
    made = organisation(ada)
    # Strangers use nothing up.
    assert [invite(person(), made).status_code for _ in range(3)] == [404] * 3
    assert [invite(ada, made, key=key).status_code for _ in range(3)] == [201] * 3
    assert invite(ada, made).status_code == 201
    assert code(invite(ada, made)) == (429, "too_many_requests")


def test_what_ended_a_month_ago_is_forgotten_with_its_number() -> None:
    ada = person()
    made = organisation(ada)
    old, new = (invite(ada, made, phone=new_phone()).json() for _ in range(2))
    OrganisationInvitation.objects.filter(id=old["id"]).update(expires_at=timezone.now() - timedelta(days=31))
    services.forget_expired()
    assert list(OrganisationInvitation.objects.values_list("id", flat=True)) == [int(new["id"])]
