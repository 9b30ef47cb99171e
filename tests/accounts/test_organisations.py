"""Organisations: asked for, approved, and run by people who may do what their roles say and no more."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from superapp.accounts import registry, selectors, services
from superapp.accounts.errors import LastOwner
from superapp.accounts.models import Organisation, OrganisationInvitation, OrganisationMember
from superapp.core.errors import Conflict, Forbidden, NotFound
from superapp.core.models import AuditEntry
from tests.accounts.organisations import invitation_link, join, organisation, owner_count, requested, roles_of
from tests.accounts.people import Person, new_handle, person
from tests.core.catalogue import OPERATIONS

pytestmark = pytest.mark.django_db
PATH = "/api/v1/organisations/"


def ask_for(owner: Person, *, key: Any = None, **body: Any) -> Any:
    body = {"kind": "brand", "name": "Tea & Co"} | body
    return owner.api.call("POST", PATH, body, HTTP_IDEMPOTENCY_KEY=str(key or uuid4()))


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


# --- Asking for one ---------------------------------------------------------------------------------------------------


def test_who_asks_for_an_organisation_owns_it_and_can_do_nothing_with_it_yet() -> None:
    ada = person()
    response = ask_for(ada, kind="merchant", legal_name="Noodle House Ltd")
    assert response.status_code == 201
    shown = response.json()
    assert (shown["kind"], shown["name"], shown["legal_name"]) == ("merchant", "Tea & Co", "Noodle House Ltd")
    assert (shown["state"], shown["mine"]["roles"]) == ("requested", ["owner"])
    assert shown["mine"]["rights"] == ["owner", "manager", "cashier", "finance", "developer"]
    assert ada.api.get(PATH).json()["results"] == [shown]
    assert ada.api.get(f"{PATH}{shown['id']}/").json() == shown
    with pytest.raises(Forbidden):
        services.require_role(actor_id=ada.id, organisation_id=int(shown["id"]), role="cashier")


def test_retry_finds_the_first_request() -> None:
    ada, key = person(), uuid4()
    first, again = ask_for(ada, key=key), ask_for(ada, key=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (first.headers.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Organisation.objects.filter(creator_id=ada.id).count() == 1
    assert code(ask_for(ada, key=key, name="Another")) == (409, "idempotency_conflict")
    # A key is its person's own.
    assert ask_for(person(), key=key).status_code == 201


def test_five_may_be_asked_for_in_a_day_and_retries_do_not_count() -> None:
    ada, key = person(), uuid4()
    assert [ask_for(ada, key=key).status_code for _ in range(3)] == [201] * 3
    assert [ask_for(ada).status_code for _ in range(4)] == [201] * 4
    refused = ask_for(ada)
    assert (code(refused), int(refused["Retry-After"]) > 3600) == ((429, "too_many_requests"), True)
    assert ask_for(ada, key=key).status_code == 201


@pytest.mark.parametrize(
    "body", [{"kind": "bank"}, {"name": ""}, {"name": "\u3164"}, {"name": "x" * 61}, {"state": "active"}]
)
def test_what_cannot_be_is_refused(body: dict[str, str]) -> None:
    ada = person()
    assert code(ask_for(ada, **body)) == (400, "invalid_input")
    assert not Organisation.objects.filter(creator_id=ada.id).exists()


def test_owner_changes_its_names_and_nobody_else_does() -> None:
    ada = person()
    made = organisation(ada)
    manager = join(made, ada, "manager")
    path = f"{PATH}{made.id}/"
    assert code(manager.api.call("PATCH", path, {"name": "Mine"})) == (403, "forbidden")
    assert code(person().api.call("PATCH", path, {"name": "Mine"})) == (404, "not_found")
    assert ada.api.call("PATCH", path, {"name": "面馆", "legal_name": "Noodles SARL"}).json()["name"] == "面馆"
    entry = AuditEntry.objects.get(action="accounts.organisation_changed", organisation_id=made.id)
    assert entry.before == {"name": "Noodle House", "legal_name": ""}
    assert entry.after == {"name": "面馆", "legal_name": "Noodles SARL"}
    assert [one.id for one in selectors.organisations_named("面馆 nood")] == [made.id]
    assert not selectors.organisations_named("house").exists()


def test_saying_again_what_it_is_called_is_no_change() -> None:
    ada = person()
    made = organisation(ada)
    assert ada.api.call("PATCH", f"{PATH}{made.id}/", {"name": made.name}).status_code == 200
    assert not AuditEntry.objects.filter(action="accounts.organisation_changed").exists()


# --- What our staff decide --------------------------------------------------------------------------------------------

STEPS: dict[str, Callable[..., Organisation]] = {
    "approve": services.approve_organisation,
    "refuse": services.refuse_organisation,
    "suspend": services.suspend_organisation,
    "reinstate": services.reinstate_organisation,
}
ALLOWED = {"requested": {"approve", "refuse"}, "active": {"suspend"}, "suspended": {"reinstate"}, "refused": set()}
LEADS_TO = {"approve": "active", "refuse": "refused", "suspend": "suspended", "reinstate": "active"}


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("step", STEPS)
def test_states_change_along_four_ways_only(state: str, step: str) -> None:
    made = requested(person())
    Organisation.objects.filter(id=made.id).update(state=state)
    act = STEPS[step]
    if step in ALLOWED[state]:
        assert act(organisation_id=made.id, actor_id=7, reason="papers seen").state == LEADS_TO[step]
        entry = AuditEntry.objects.filter(organisation_id=made.id).latest("id")
        assert (entry.actor_id, entry.reason) == (7, "papers seen")
        assert (entry.before, entry.after) == ({"state": state}, {"state": LEADS_TO[step]})
    else:
        with pytest.raises(Conflict):
            act(organisation_id=made.id, actor_id=7, reason="papers seen")
        assert Organisation.objects.get(id=made.id).state == state


@pytest.mark.parametrize("step", STEPS)
def test_nobody_decides_about_where_they_work_themselves(step: str) -> None:
    ada = person()
    made = requested(ada)
    state = next(state for state, steps in ALLOWED.items() if step in steps)
    Organisation.objects.filter(id=made.id).update(state=state)
    with pytest.raises(Forbidden):
        STEPS[step](organisation_id=made.id, actor_id=ada.id, reason="I know them well")
    assert Organisation.objects.get(id=made.id).state == state


@pytest.mark.parametrize("state", ["requested", "suspended", "refused"])
def test_nobody_acts_for_an_organisation_that_is_not_active(state: str) -> None:
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "manager")
    Organisation.objects.filter(id=made.id).update(state=state)
    for someone in (ada, bo):
        with pytest.raises(Forbidden) as refusal:
            services.require_role(actor_id=someone.id, organisation_id=made.id, role="cashier")
        assert refusal.value.details == {"state": state}
    path = f"{PATH}{made.id}/"
    assert code(ada.api.call("PUT", f"{path}staff/{bo.id}/", {"roles": ["cashier"]})) == (403, "forbidden")
    assert code(ada.api.call("DELETE", f"{path}staff/{bo.id}/")) == (403, "forbidden")
    if state != "requested":
        assert code(ada.api.call("PATCH", path, {"name": "Other"})) == (403, "forbidden")
    # To look, and to leave, takes no right.
    assert bo.api.get(path).json()["state"] == state
    assert bo.api.call("DELETE", f"{path}staff/{bo.id}/").status_code == 204


# --- Rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        ("brand", ["owner", "editor", "sender", "analyst", "agent", "developer"]),
        ("merchant", ["owner", "manager", "cashier", "finance", "developer"]),
        ("studio", ["owner", "developer", "analyst"]),
    ],
)
def test_every_kind_has_its_roles(kind: str, roles: list[str]) -> None:
    ada = person()
    made = organisation(ada, kind=kind)
    shown = ada.api.get(f"{PATH}{made.id}/roles/").json()["results"]
    assert [role["name"] for role in shown] == roles
    assert all(role["label"] for role in shown)
    assert registry.roles.rights(kind, ["owner"]) == set(roles)


def test_roles_have_their_own_rights_and_those_that_they_imply() -> None:
    rights = registry.roles.rights
    assert rights("merchant", ["manager"]) == {"manager", "cashier"}
    assert rights("merchant", ["cashier", "finance"]) == {"cashier", "finance"}
    # To edit is not to send.
    assert rights("brand", ["editor"]) == {"editor"}
    assert rights("brand", ["sender"]) == {"sender"}
    assert rights("brand", ["gone"]) == frozenset()


def test_rights_are_followed_over_several_steps_and_in_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = registry._Roles()
    roles.register("club", "a", label="A", implies={"b"})
    roles.register("club", "b", label="B", implies={"c"})
    roles.register("club", "c", label="C", implies={"a"})
    roles.register("club", "d", label="D", implies={"b"}, manages_staff=True)
    assert roles.rights("club", ["a"]) == {"a", "b", "c"}
    assert roles.rights("club", ["d"]) == {"a", "b", "c", "d"}
    assert [roles.manage_staff("club", [name]) for name in ("owner", "a", "d")] == [True, False, True]
    with pytest.raises(Exception, match="Two rooms registered the role a"):
        roles.register("club", "a", label="A")


def test_require_role_lets_in_who_has_the_role_or_one_that_implies_it() -> None:
    ada = person()
    made = organisation(ada)
    manager, finance = join(made, ada, "manager"), join(made, ada, "finance")
    may = {"cashier": [ada, manager], "finance": [ada, finance], "owner": [ada]}
    for role, allowed in may.items():
        for someone in (ada, manager, finance):
            if someone in allowed:
                services.require_role(actor_id=someone.id, organisation_id=made.id, role=role)
            else:
                with pytest.raises(Forbidden):
                    services.require_role(actor_id=someone.id, organisation_id=made.id, role=role)
        for organisation_id in (made.id, 1):
            with pytest.raises(NotFound):
                services.require_role(actor_id=person().id, organisation_id=organisation_id, role=role)


def test_require_role_asks_one_statement() -> None:
    ada = person()
    made = organisation(ada)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        services.require_role(actor_id=ada.id, organisation_id=made.id, role="cashier")
    assert len(asked) == 1


def test_who_is_banned_has_no_rights_from_that_moment_on() -> None:
    ada, made = person(), None
    made = organisation(ada)
    manager = join(made, ada, "manager")
    link = invitation_link(manager, made, "cashier")
    services.ban_user(user_id=manager.id)
    with pytest.raises(NotFound):
        services.require_role(actor_id=manager.id, organisation_id=made.id, role="cashier")
    with pytest.raises(NotFound):
        services.remove_member(actor_id=manager.id, organisation_id=made.id, user_id=ada.id)
    # What they offered before does not stand any more either.
    answer = person().api.call("POST", "/api/v1/organisation-invitations/accept-link/", {"link": link})
    assert code(answer) == (410, "invitation_ended")
    services.unban_user(user_id=manager.id)
    services.require_role(actor_id=manager.id, organisation_id=made.id, role="cashier")


def test_others_learn_at_once_what_somebody_is_in_several_organisations() -> None:
    ada = person()
    shop, brand = organisation(ada), organisation(person(), kind="brand")
    with CaptureQueriesContext(connection) as asked:
        found = selectors.mine(user_id=ada.id, organisation_ids=[shop.id, brand.id])
    assert len(asked) == 1
    assert found == {shop.id: {"roles": ["owner"], "rights": ["owner", "manager", "cashier", "finance", "developer"]}}


# --- Staff ------------------------------------------------------------------------------------------------------------


def test_staff_are_listed_in_the_order_in_which_they_came(settings: Settings) -> None:
    ada = person()
    made = organisation(ada)
    staff = [ada, *(join(made, ada, "cashier") for _ in range(4))]
    path, seen = f"{PATH}{made.id}/staff/?limit=2", []
    with CaptureQueriesContext(connection) as asked:
        staff[2].api.get(path)
    assert len(asked) == 4, "who asks, their place, the page, the people on it"
    while path:
        page = staff[2].api.get(path).json()
        seen += [row["user"]["id"] for row in page["results"]]
        path = page["next"]
    assert seen == [str(one.id) for one in staff]
    assert code(person().api.get(f"{PATH}{made.id}/staff/")) == (404, "not_found")


def test_my_organisations_are_one_statement_however_many() -> None:
    ada, counts = person(), []
    for _ in range(3):
        organisation(ada)
        with CaptureQueriesContext(connection) as asked:
            assert ada.api.get(PATH).status_code == 200
        counts.append(len(asked))
    assert counts == [2, 2, 2], "who asks, and the page"


def test_staff_list_and_my_organisations_are_read_by_index() -> None:
    ada = person()
    made = organisation(ada)
    lists = {
        "organisation_staff": selectors.staff_of(actor_id=ada.id, organisation_id=made.id).order_by(
            "joined_at", "user_id"
        ),
        "organisations_of": selectors.places_of(ada.id).order_by("-organisation_id"),
        "invitations_open": selectors.open_invitations(actor_id=ada.id, organisation_id=made.id).order_by("-id"),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    for index, rows in lists.items():
        plan = rows[:31].explain()
        assert index in plan, plan
        assert "Sort" not in plan, plan


def test_roles_are_changed_within_ones_own_rights() -> None:
    ada = person()
    made = organisation(ada)
    manager, cashier, finance = (join(made, ada, role) for role in ("manager", "cashier", "finance"))
    path = f"{PATH}{made.id}/staff/"

    def change(who: Person, whom: Person, *roles: str) -> Any:
        return who.api.call("PUT", f"{path}{whom.id}/", {"roles": list(roles)})

    answer = change(manager, cashier, "manager", "cashier", "cashier")
    assert (answer.status_code, answer.json()["roles"]) == (200, ["manager", "cashier"])
    assert change(manager, cashier, "cashier").status_code == 200
    for who, whom, roles in [
        (manager, cashier, ("owner",)),  # more than they have
        (manager, cashier, ("finance",)),
        (manager, manager, ("owner", "manager")),  # themselves
        (manager, finance, ("cashier",)),  # who has rights that they have not
        (manager, ada, ("cashier",)),
        (cashier, cashier, ("cashier", "manager")),  # no right at all
        (finance, cashier, ("finance",)),
    ]:
        before = {one.id: roles_of(made, one) for one in (ada, manager, cashier, finance)}
        assert code(change(who, whom, *roles)) == (403, "forbidden"), roles
        assert {one.id: roles_of(made, one) for one in (ada, manager, cashier, finance)} == before
    refused = change(ada, cashier, "editor")
    assert code(refused) == (422, "role_unknown")
    assert refused.json()["error"]["details"]["known"] == ["owner", "manager", "cashier", "finance", "developer"]
    assert code(change(ada, cashier)) == (400, "invalid_input")
    assert code(change(ada, person(), "cashier")) == (404, "not_found")


def test_colleagues_are_removed_within_ones_own_rights_and_everybody_may_leave() -> None:
    ada = person()
    made = organisation(ada)
    manager, cashier, finance = (join(made, ada, role) for role in ("manager", "cashier", "finance"))

    def remove(who: Person, whom: Person) -> Any:
        return who.api.call("DELETE", f"{PATH}{made.id}/staff/{whom.id}/")

    assert code(remove(cashier, finance)) == (403, "forbidden")
    assert code(remove(manager, finance)) == (403, "forbidden")
    assert code(remove(manager, ada)) == (403, "forbidden")
    assert code(remove(person(), cashier)) == (404, "not_found")
    assert remove(manager, cashier).status_code == 204
    assert code(remove(manager, cashier)) == (404, "not_found")
    assert remove(finance, finance).status_code == 204
    assert finance.api.get(PATH).json()["results"] == []
    assert code(finance.api.get(f"{PATH}{made.id}/")) == (404, "not_found")
    assert (roles_of(made, cashier), roles_of(made, finance), roles_of(made, manager)) == (None, None, ["manager"])


def test_last_owner_can_neither_leave_nor_step_down() -> None:
    ada = person()
    made = organisation(ada)
    path = f"{PATH}{made.id}/staff/"
    assert code(ada.api.call("DELETE", f"{path}{ada.id}/")) == (409, "last_owner")
    assert code(ada.api.call("PUT", f"{path}{ada.id}/", {"roles": ["manager"]})) == (409, "last_owner")
    assert (roles_of(made, ada), owner_count(made)) == (["owner"], 1)
    bo = join(made, ada, "owner")
    assert owner_count(made) == 2
    assert bo.api.call("PUT", f"{path}{ada.id}/", {"roles": ["manager"]}).status_code == 200
    assert owner_count(made) == 1
    with pytest.raises(LastOwner):
        services.remove_member(actor_id=bo.id, organisation_id=made.id, user_id=bo.id)


def test_database_itself_refuses_an_organisation_without_owner() -> None:
    made = organisation(person())
    with pytest.raises(IntegrityError, match="organisation_has_an_owner"), transaction.atomic():
        Organisation.objects.filter(id=made.id).update(owner_count=0)
    with pytest.raises(IntegrityError, match="organisation_member_has_a_role"), transaction.atomic():
        OrganisationMember.objects.filter(organisation_id=made.id).update(roles=[])


def test_who_was_refused_may_leave_it_behind() -> None:
    ada = person()
    made = requested(ada)
    services.refuse_organisation(organisation_id=made.id, actor_id=None, reason="no papers")
    assert ada.api.call("DELETE", f"{PATH}{made.id}/staff/{ada.id}/").status_code == 204
    assert ada.api.get(PATH).json()["results"] == []


def test_ownership_changes_hands_once_however_often_it_is_asked() -> None:
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "cashier")
    path, body = f"{PATH}{made.id}/ownership/", {"user_id": str(bo.id), "kept_roles": ["finance"]}
    assert code(bo.api.call("PUT", path, {"user_id": str(ada.id), "kept_roles": ["finance"]})) == (403, "forbidden")
    for refused in ({"user_id": str(ada.id)}, {"kept_roles": ["owner"]}):
        assert code(ada.api.call("PUT", path, body | refused)) == (409, "conflict")
    assert code(ada.api.call("PUT", path, body | {"user_id": str(person().id)})) == (404, "not_found")
    answers = [ada.api.call("PUT", path, body) for _ in range(2)]
    assert [answer.json()["mine"]["roles"] for answer in answers] == [["finance"]] * 2
    assert (roles_of(made, bo), roles_of(made, ada), owner_count(made)) == (["owner", "cashier"], ["finance"], 1)
    assert AuditEntry.objects.filter(action="accounts.organisation_roles_changed").count() == 2


def test_ownership_is_not_given_to_somebody_banned() -> None:
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "cashier")
    services.ban_user(user_id=bo.id)
    body = {"user_id": str(bo.id), "kept_roles": ["finance"]}
    assert code(ada.api.call("PUT", f"{PATH}{made.id}/ownership/", body)) == (404, "not_found")
    assert owner_count(made) == 1


def test_changes_are_counted_so_that_nobody_fills_the_audit_log(settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.change_organisation.user": (4, 3600)}
    ada = person()
    made = organisation(ada)
    bo = join(made, ada, "cashier")
    path = f"{PATH}{made.id}/"
    calls = [
        ("PATCH", path, {"name": "Other"}),
        ("PUT", f"{path}staff/{bo.id}/", {"roles": ["finance"]}),
        ("PUT", f"{path}ownership/", {"user_id": str(bo.id), "kept_roles": ["manager"]}),
        ("DELETE", f"{path}staff/{ada.id}/", None),
    ]
    assert [ada.api.call(*call).status_code for call in calls] == [200, 200, 200, 204]
    newest = AuditEntry.objects.latest("id").id
    assert [ada.api.call(*call).status_code for call in calls] == [429] * 4
    assert AuditEntry.objects.latest("id").id == newest
    # Everybody has their own.
    assert bo.api.call(*calls[0]).status_code == 200


# --- Others' things ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "{organisation_id}" in name])
def test_ids_of_another_organisation_lead_nowhere(name: str) -> None:
    """At every level: the organisation itself, and things of it below an organisation of one's own."""
    ada, bo = person(), person()
    ours, theirs = organisation(ada), organisation(bo)
    stranger = join(theirs, bo, "cashier")
    invited = services.invite_staff(
        actor_id=bo.id, organisation_id=theirs.id, roles=["cashier"], client_id=uuid4(), phone="+33612000001"
    )
    method, _, path = name.partition(" ")
    body: dict[str, Any] = {"name": "x", "roles": ["cashier"], "user_id": str(stranger.id), "kept_roles": ["cashier"]}
    operation = OPERATIONS[name]
    sent = {key: body[key] for key in operation.input().fields if key in body} if operation.input else None
    things = {"user_id": stranger.id, "invitation_id": invited.invitation.id}
    nested = [ours.id] if "{user_id}" in path or "{invitation_id}" in path or "ownership" in path else []
    before = list(OrganisationMember.objects.order_by("organisation_id", "user_id").values())
    for organisation_id in (theirs.id, *nested):
        answer = ada.api.call(
            method, path.format(organisation_id=organisation_id, **things), sent, HTTP_IDEMPOTENCY_KEY=str(uuid4())
        )
        assert code(answer) == (404, "not_found"), organisation_id
        nowhere = ada.api.call(
            method, path.format(organisation_id=1, user_id=1, invitation_id=1), sent, HTTP_IDEMPOTENCY_KEY=str(uuid4())
        )
        assert answer.content == nowhere.content
    assert list(OrganisationMember.objects.order_by("organisation_id", "user_id").values()) == before
    assert OrganisationInvitation.objects.get(id=invited.invitation.id).state == "pending"


# --- What is written down ---------------------------------------------------------------------------------------------


class Stage:
    """Somebody who may do it, and things to do it to."""

    def __init__(self) -> None:
        self.owner = person(handle=new_handle())
        self.active = organisation(self.owner)
        self.requested = requested(self.owner)
        self.cashier = join(self.active, self.owner, "cashier")
        self.guest = person(handle=new_handle())
        self.place = {"actor_id": self.owner.id, "organisation_id": self.active.id}

    def invite(self, **to: Any) -> services.Invited:
        return services.invite_staff(**self.place, roles=["cashier"], client_id=uuid4(), **to)

    def decide(self, made: Organisation) -> dict[str, Any]:
        return {"organisation_id": made.id, "actor_id": 7, "reason": "seen"}

    def suspend(self) -> None:
        services.suspend_organisation(**self.decide(self.active))


#: What each service is audited as, and how to call it.
AUDITED: dict[str, tuple[str, Callable[[Stage], Any]]] = {
    "request_organisation": ("accounts.organisation_requested", lambda stage: requested(stage.guest)),
    "change_organisation": (
        "accounts.organisation_changed",
        lambda stage: services.change_organisation(**stage.place, name="Other"),
    ),
    "approve_organisation": (
        "accounts.organisation_approved",
        lambda stage: services.approve_organisation(**stage.decide(stage.requested)),
    ),
    "refuse_organisation": (
        "accounts.organisation_refused",
        lambda stage: services.refuse_organisation(**stage.decide(stage.requested)),
    ),
    "suspend_organisation": ("accounts.organisation_suspended", lambda stage: stage.suspend()),
    "reinstate_organisation": (
        "accounts.organisation_reinstated",
        lambda stage: (stage.suspend(), services.reinstate_organisation(**stage.decide(stage.active))),
    ),
    "change_roles": (
        "accounts.organisation_roles_changed",
        lambda stage: services.change_roles(**stage.place, user_id=stage.cashier.id, roles=["finance"]),
    ),
    "remove_member": (
        "accounts.organisation_member_removed",
        lambda stage: services.remove_member(**stage.place, user_id=stage.cashier.id),
    ),
    "transfer_ownership": (
        "accounts.organisation_roles_changed",
        lambda stage: services.transfer_ownership(**stage.place, user_id=stage.cashier.id, kept_roles=["finance"]),
    ),
    "invite_staff": ("accounts.staff_invited", lambda stage: stage.invite()),
    "accept_invitation": (
        "accounts.invitation_accepted",
        lambda stage: services.accept_invitation(
            actor_id=stage.guest.id, invitation_id=stage.invite(handle=stage.guest.handle).invitation.id
        ),
    ),
    "accept_invitation_link": (
        "accounts.organisation_member_added",
        lambda stage: services.accept_invitation_link(actor_id=stage.guest.id, link=str(stage.invite().link)),
    ),
    "decline_invitation": (
        "accounts.invitation_declined",
        lambda stage: services.decline_invitation(
            actor_id=stage.guest.id, invitation_id=stage.invite(handle=stage.guest.handle).invitation.id
        ),
    ),
    "revoke_invitation": (
        "accounts.invitation_revoked",
        lambda stage: services.revoke_invitation(**stage.place, invitation_id=stage.invite().invitation.id),
    ),
}
ONLY_READS = {"require_role"}
MODULES = {f"superapp.accounts.services.{name}" for name in ("organisations", "organisation_staff", "invitations")}


def test_every_service_that_changes_something_is_in_the_walk() -> None:
    public = {name for name in services.__all__ if getattr(services, name).__module__ in MODULES}
    assert public - ONLY_READS - {"Invited"} == set(AUDITED)


@pytest.mark.parametrize("service", AUDITED)
def test_what_is_done_to_an_organisation_is_in_the_audit_log(service: str) -> None:
    stage = Stage()
    action, act = AUDITED[service]
    newest = AuditEntry.objects.latest("id").id
    act(stage)
    entry = AuditEntry.objects.filter(id__gt=newest, action=action).latest("id")
    assert entry.actor_id
    assert entry.organisation_id
    assert entry.before or entry.after
