"""What every room keeps of somebody: known to the registry, and gone once they are."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models
from django.utils import timezone
from pytest_django import Settings

from messaging import services as messaging
from messaging.models import Block, FriendRequest, Friendship, HiddenMessage, Membership, Message, Reaction
from superapp.accounts import registry, services
from superapp.accounts.models import Erasure, HandleDirectory, PhoneDirectory, User
from superapp.core.errors import Conflict
from superapp.core.models import AuditEntry
from superapp.media import services as media
from superapp.media.models import Asset
from superapp.realtime.models import KeptEvent
from tests.accounts.people import Caller, code_for, new_phone
from tests.accounts.sessions import later
from tests.media import images
from tests.messaging.api import Api
from tests.realtime.people import Device, befriend, group, person, say

pytestmark = pytest.mark.django_db
DELETED = "Deleted person"

# --- Who takes care of what -------------------------------------------------------------------------------------------

#: Columns that name a person and of which no room takes care, each with its reason.
LEFT_ALONE = {
    "payments.Adjustment.proposed_by_id": "who of our staff moved money; the books keep it, the name behind it is gone",
    "payments.Adjustment.decided_by_id": "as proposed_by_id",
    "payments.AdjustmentDay.staff_id": "what one of our staff moved on a day",
    "safety.Report.closed_by_id": "which of our staff decided; the row is deleted a year later",
    "accounts.Erasure.user_id": "says that somebody is gone, so that a backup put back erases them again",
    "core.AuditEntry.actor_id": "nobody changes the log; it holds ids, and the names behind them are gone",
    "messaging.Block.blocked_id": "whom somebody else does not want to hear from is that one's choice",
    "messaging.DirectPair.lo": "which conversation it was, for the other one, who keeps it",
    "messaging.DirectPair.hi": "as lo",
    "account.EmailAddress.user_id": "staff only, who lose their role first; the product keeps no addresses",
    "admin.LogEntry.user_id": "written by Django's own forms, of which there are none",
    "accounts.User_groups.user_id": "roles of staff, who lose them first",
    "accounts.User_user_permissions.user_id": "nobody has any (superapp/accounts/staff/backend.py)",
    "mfa.Authenticator.user_id": "staff only; erased with the account's other ways in",
    "accounts.SignInCode.user_id": "deleted a day after it ended",
    "accounts.Organisation.creator_id": "who asked for it, by an id that then belongs to nobody",
    "accounts.OrganisationInvitation.inviter_id": "deleted with the invitation, a month after that ended",
    "accounts.OrganisationInvitation.member_id": "as inviter_id",
}
#: Whole numbers that end like a reference and name no person.
NOBODY = {"conversation_id", "device_id", "asset_id", "avatar_id", "organisation_id", "group_id", "permission_id"} | {
    "content_type_id",
    "email_address_id",
    "emailaddress_id",
    "entry_id",
    "invitation_id",
    "pending_member_id",
    "source_id",
    "tag_id",
}


def columns_of_people() -> set[str]:
    """Every column of every table that may hold somebody's id, as ``room.Model.column``."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.app_label in {"tests", "plain"} or "test" in model._meta.label_lower:
            continue
        for field in model._meta.local_concrete_fields:
            is_key = isinstance(field, models.ForeignKey)
            if is_key and field.related_model is not User:
                continue
            is_id = isinstance(field, models.BigIntegerField | models.IntegerField) and field.attname.endswith("_id")
            if (is_key or is_id or field.attname in {"lo", "hi"}) and field.attname not in NOBODY:
                found.add(f"{model._meta.app_label}.{model._meta.object_name}.{field.attname}")
    return found


def covered() -> set[str]:
    return {
        f"{model}.{column}"
        for room in registry.privacy.rooms()
        for model, columns in room.covers.items()
        for column in columns
    }


def test_every_column_that_names_a_person_is_taken_care_of() -> None:
    missing = columns_of_people() - covered() - LEFT_ALONE.keys()
    assert not missing, (
        f"Nobody exports or erases what these say of people: {sorted(missing)}. Let their room register them with"
        " accounts.registry.privacy (docs/accounts.md), or say in LEFT_ALONE why they may stay."
    )


def test_rooms_cover_columns_that_there_are() -> None:
    for name in covered():
        label, _, column = name.rpartition(".")
        assert column in {field.attname for field in apps.get_model(label)._meta.concrete_fields}, name
    assert not covered() & LEFT_ALONE.keys()


def test_every_room_with_people_has_registered_itself() -> None:
    assert [room.name for room in registry.privacy.rooms()] == [
        "accounts",
        "media",
        "safety",
        "realtime",
        "messaging",
        "payments",
    ]


def test_room_registers_once() -> None:
    with pytest.raises(Exception, match="twice"):
        registry.privacy.register("media", export=lambda _: iter(()), erase=lambda _: None, covers={})


# --- Somebody with a life ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


class Life:
    """Ada, whom Bo and Cy know: friends, a group of hers, messages, a photo, requests both ways, a block, a face."""

    def __init__(self) -> None:
        self.ada, self.bo, self.cy, self.dee = (person(name) for name in ("Ada", "Bo", "Cy", "Dee"))
        self.phone = new_phone()
        User.objects.filter(id=self.ada.user_id).update(phone=self.phone, birth_date="1985-02-28")
        PhoneDirectory.objects.create(phone=self.phone, user_id=self.ada.user_id)
        self.direct = befriend(self.ada, self.bo, greeting="Hi, Bo")
        self.group = group(self.ada, self.bo, self.cy)
        messaging.change_friend(actor_id=self.bo.user_id, friend_id=self.ada.user_id, remark="Countess")
        self.said = say(self.ada, self.direct, "what Ada said")
        say(self.ada, self.group, "what Ada said to all")
        say(self.bo, self.direct, "what Bo said")
        messaging.request_friend(sender_id=self.ada.user_id, recipient_id=self.dee.user_id, source="handle")
        self.eve = person("Eve")
        messaging.request_friend(sender_id=self.eve.user_id, recipient_id=self.ada.user_id, source="handle")
        messaging.block(actor_id=self.ada.user_id, user_id=self.eve.user_id)
        HiddenMessage.objects.create(conversation_id=self.direct, user_id=self.ada.user_id, seq=1)
        Reaction.objects.create(conversation_id=self.direct, user_id=self.ada.user_id, seq=1, emoji="👍")
        self.photo = self.upload("message")
        messaging.send_message(
            sender_id=self.ada.user_id,
            conversation_id=self.direct,
            client_id=uuid4(),
            kind="photo",
            asset_id=self.photo.id,
        )
        self.unused, self.face = self.upload("message"), self.upload("avatar")
        services.change_profile(actor_id=self.ada.user_id, avatar_id=self.face.id)
        self.card = services.qr_card(actor_id=self.ada.user_id)

    def upload(self, purpose: str) -> Asset:
        file = SimpleUploadedFile("photo.jpg", images.jpeg())
        return media.store(owner_id=self.ada.user_id, file=file, purpose=purpose, client_id=uuid4())

    def leave(self) -> None:
        challenge = services.send_own_phone_code(actor_id=self.ada.user_id, client_address=self.phone).challenge
        services.deactivate(actor_id=self.ada.user_id, challenge=challenge, code=code_for(self.phone))


@pytest.fixture
def life() -> Life:
    return Life()


def erase(user_id: int) -> bool:
    with later(days=30, seconds=1):
        return services.erase(user_id=user_id)


def erasure_of(who: Device) -> Erasure:
    return Erasure.objects.get(user_id=who.user_id)


def everything(*, but: set[str]) -> str:
    """All that stands in the database, as text."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in but]
        texts = []
        for table in tables:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" AS t")
            texts.append(cursor.fetchone()[0])
    return "\n".join(texts)


# --- Erased -----------------------------------------------------------------------------------------------------------


def test_nothing_happens_before_the_time_has_come(life: Life) -> None:
    life.leave()
    before = everything(but=set())
    assert not services.erase(user_id=life.ada.user_id)
    with later(days=29, hours=23):
        assert not services.erase(user_id=life.ada.user_id)
    assert everything(but=set()) == before


def test_nobody_is_erased_who_has_not_left(life: Life) -> None:
    assert not erase(life.ada.user_id)
    assert User.objects.get(id=life.ada.user_id).display_name == "Ada"


def test_nothing_is_left_of_somebody_but_what_they_said(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    ada = User.objects.get(id=life.ada.user_id)
    assert (ada.phone, ada.handle, ada.display_name, ada.avatar_id, ada.birth_date) == (None, None, "", None, None)
    assert not ada.is_active
    assert not ada.has_usable_password()
    # The outbox forgets what it has delivered after a week.
    left = everything(but={"core_outbox"})
    for trace in (life.phone, life.ada.handle, "1985-02-28", "Countess"):
        assert trace not in left, trace
    assert '"Ada"' not in left
    for model in (Friendship, FriendRequest, Block):
        columns = [field.attname for field in model._meta.concrete_fields if field.attname.endswith("_id")]
        about = [model.objects.filter(**{column: ada.id}).count() for column in columns if column != "conversation_id"]
        assert about == [0] * len(about), model
    assert not KeptEvent.objects.filter(user_id=ada.id).exists()
    assert not HiddenMessage.objects.filter(user_id=ada.id).exists()
    # As what they said: it stands at others' messages, under an id that belongs to nobody.
    assert Reaction.objects.filter(user_id=ada.id).count() == 1
    assert erasure_of(life.ada).done_rooms == [room.name for room in reversed(registry.privacy.rooms())]
    assert erasure_of(life.ada).state == "done"


def test_files_go_with_their_owner_unless_they_hang_in_a_thread(life: Life, settings: Settings) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    assert list(Asset.objects.filter(owner_id=life.ada.user_id).values_list("id", flat=True)) == [life.photo.id]
    files = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(files) == 1
    assert Api(life.bo).get(f"media/{life.photo.id}/")["id"] == str(life.photo.id)


def test_others_still_read_what_a_deleted_person_said(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    bo = Api(life.bo)
    said = [row["body"].get("text") for row in bo.history(life.direct) if row["sender_id"] == life.ada.id]
    assert "what Ada said" in said
    gone = {"id": life.ada.id, "handle": None, "display_name": DELETED, "avatar_id": None}
    assert bo.conversation(life.direct)["mine"]["peer"] == gone
    listed = next(row for row in bo.all("conversations/") if row["id"] == str(life.direct))
    assert listed["mine"]["peer"] == gone
    synced = next(row for row in bo.get("sync/")["conversations"] if row["id"] == str(life.direct))
    assert synced["mine"]["peer"] == gone
    # In the reader's language.
    french = Caller(life.bo.token).get(f"/api/v1/conversations/{life.direct}/", headers={"Accept-Language": "fr"})
    User.objects.filter(id=life.bo.user_id).update(language="fr")
    french = Caller(life.bo.token).get(f"/api/v1/conversations/{life.direct}/")
    assert french.json()["mine"]["peer"]["display_name"] == "Personne supprimée"
    assert bo.refused("GET", f"people/{life.ada.id}/") == (404, "not_found")
    assert bo.refused("GET", f"friends/{life.ada.id}/") == (404, "not_found")
    assert life.ada.id not in json.dumps(bo.all("friends/"))
    assert bo.send_refused(life.direct) == (403, "not_friends")
    assert Api(life.dee).all("friend-requests/") == []
    assert DELETED not in json.dumps(Api(life.eve).all("friend-requests/?direction=outgoing"))


def test_groups_are_left_and_handed_on(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    bo = Api(life.bo)
    assert bo.conversation(life.group)["member_count"] == 2
    members = bo.all(f"conversations/{life.group}/members/")
    assert [(row["user"]["display_name"], row["role"]) for row in members] == [("Bo", "owner"), ("Cy", "member")]
    assert bo.send(life.group)["kind"] == "text"
    assert Membership.objects.get(conversation_id=life.group, user_id=life.ada.user_id).left_seq is not None
    # And it was told: a phone that asks what changed gets the new number of members.
    assert str(life.group) in {row["id"] for row in bo.get("sync/")["conversations"]}


def test_names_are_free_again(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    assert not HandleDirectory.objects.filter(user_id=life.ada.user_id).exists()
    assert Api(life.bo).ok("PATCH", "me/", {"handle": life.ada.handle})["handle"] == life.ada.handle
    challenge = services.send_sign_in_code(phone=life.phone, language="en", client_address="192.0.2.9").challenge
    body = {"challenge": challenge, "code": code_for(life.phone), "device": {"name": "Phone", "platform": "ios"}}
    session = Caller().call("POST", "/api/v1/auth/sign-in/code/", body).json()
    assert session["is_new_user"]
    assert session["user"]["id"] != life.ada.id
    newcomer = Caller(session["access_token"])
    assert newcomer.get("/api/v1/conversations/").json()["results"] == []
    assert newcomer.get("/api/v1/friends/").json()["results"] == []


def test_log_keeps_that_it_happened_and_nobodys_name(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    entry = AuditEntry.objects.get(action="accounts.erased", subject_id=life.ada.id)
    assert (entry.actor_id, entry.before, entry.after, entry.reason, entry.client_address) == (None, None, None, "", "")


def test_erasing_again_does_nothing(life: Life) -> None:
    life.leave()
    assert erase(life.ada.user_id)
    done_at, before = erasure_of(life.ada).done_at, everything(but=set())
    assert not erase(life.ada.user_id)
    for room in registry.privacy.rooms():
        room.erase(life.ada.user_id)
    assert erasure_of(life.ada).done_at == done_at
    assert everything(but=set()) == before
    assert AuditEntry.objects.filter(action="accounts.erased", subject_id=life.ada.id).count() == 1


# --- When something goes wrong ----------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A room above all others that can be told to fail, and says how often it was asked."""
    told: dict[str, Any] = {"fails": True, "calls": 0}

    def erase_here(user_id: int) -> None:
        told["calls"] += 1
        if told["fails"]:
            raise OSError("+33612345678 could not be reached")

    rooms = registry.privacy._rooms
    monkeypatch.setattr(registry.privacy, "_rooms", {"tests": None, **rooms})
    del registry.privacy._rooms["tests"]
    first, *others = rooms.items()
    monkeypatch.setattr(registry.privacy, "_rooms", dict([first]))
    registry.privacy.register("tests", export=lambda _: iter(()), erase=erase_here, covers={})
    registry.privacy._rooms.update(others)
    return told


def test_failure_keeps_what_is_done_and_is_tried_again_later(life: Life, broken: dict[str, Any]) -> None:
    life.leave()
    assert not erase(life.ada.user_id)
    erasure = erasure_of(life.ada)
    assert erasure.done_rooms == [room.name for room in reversed(registry.privacy.rooms()[2:])]
    # By its kind: what it says names somebody.
    assert erasure.error == "tests: OSError"
    assert erasure.state == "erasing"
    assert User.objects.get(id=life.ada.user_id).erased_at is None
    # Not at once.
    assert not erase(life.ada.user_id)
    assert broken["calls"] == 1
    broken["fails"] = False
    with later(days=30, minutes=2):
        assert services.erase(user_id=life.ada.user_id)
    assert broken["calls"] == 2
    assert erasure_of(life.ada).state == "done"


def test_failing_for_good_waits_for_a_person(life: Life, broken: dict[str, Any]) -> None:
    life.leave()
    for attempt in range(12):
        with later(days=31 + attempt):
            services.erase(user_id=life.ada.user_id)
    assert broken["calls"] == 1 + Erasure.MAX_ATTEMPTS - 1
    assert erasure_of(life.ada).state == "failed"
    broken["fails"] = False
    services.retry_erasure(user_id=life.ada.user_id)
    assert services.erase(user_id=life.ada.user_id)
    with pytest.raises(Conflict):
        services.retry_erasure(user_id=life.ada.user_id)


def test_storage_that_lets_nothing_go_holds_it_up(
    life: Life, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.files.storage import default_storage

    def refuse(name: str) -> None:
        raise OSError("read-only")

    life.leave()
    monkeypatch.setattr(default_storage, "delete", refuse)
    assert not erase(life.ada.user_id)
    assert erasure_of(life.ada).error == "media: Unavailable"
    monkeypatch.undo()
    settings.MEDIA_ROOT = settings.MEDIA_ROOT
    with later(days=31):
        assert services.erase(user_id=life.ada.user_id)


def test_one_who_fails_does_not_keep_others_waiting(life: Life, broken: dict[str, Any]) -> None:
    bo = life.bo
    life.leave()
    now = timezone.now()
    User.objects.filter(id=bo.user_id).update(is_active=False, deactivated_at=now)
    Erasure.objects.create(user_id=bo.user_id, requested_at=now, due_at=now, next_at=now + timedelta(days=30))
    with later(days=31):
        services.erase_due(None)  # type: ignore[arg-type]
    assert {erasure_of(life.ada).error, erasure_of(bo).error} == {"tests: OSError"}
    broken["fails"] = False
    with later(days=32):
        assert services.erase_due(None) == 2  # type: ignore[arg-type]


def test_messages_are_not_touched(life: Life) -> None:
    """Groups are told that somebody left, in rows of their own."""
    life.leave()
    rows = Message.objects.order_by("conversation_id", "seq").values_list("conversation_id", "seq", "body", "kind")
    before = list(rows.all())
    assert erase(life.ada.user_id)
    after = list(rows.all())
    assert [row for row in after if row in before] == before
    added = [(row[0], row[3]) for row in after if row not in before]
    assert added == [(life.group, "owner_changed"), (life.group, "member_left")]


def test_settings_keep_people_for_thirty_days() -> None:
    assert timedelta(days=30) == settings.ACCOUNT_KEPT_FOR
