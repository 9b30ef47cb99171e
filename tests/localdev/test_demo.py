"""The demo city: is it whole, does it obey the rules of the product, and can it be seeded again at any time?"""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

import phonenumbers
import psycopg2
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import F
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging import services as messaging
from messaging.models import (
    Block,
    Conversation,
    DirectPair,
    FriendRequest,
    Friendship,
    GroupCreation,
    GroupLink,
    Membership,
    Message,
    Preferences,
    Reaction,
)
from superapp.accounts import services as accounts
from superapp.accounts.models import (
    HandleDirectory,
    Organisation,
    OrganisationInvitation,
    OrganisationMember,
    PhoneDirectory,
    User,
)
from superapp.core.models import OutboxEvent
from superapp.localdev import demo, places, stage
from superapp.localdev.demo import avatars, conversations, photos, seeding, staff
from superapp.localdev.demo.friends import CIRCLES, MUTED, PINNED, REQUESTS, SHARE_READ_MARKS, TAGS
from superapp.localdev.demo.history import told
from superapp.localdev.demo.organisations import WORKPLACES
from superapp.localdev.demo.people import BY_HANDLE, PEOPLE
from superapp.localdev.demo.script import Direct, Group, Said, tell
from superapp.localdev.progress import Problem
from superapp.localdev.stage import Addresses
from superapp.media import services as media
from superapp.media.models import Asset

STORIES: list[Direct | Group] = [*conversations.DIRECT, *conversations.GROUPS]
NOW = datetime(2026, 3, 11, 15, 0, tzinfo=UTC)

# --- What is written down ---------------------------------------------------------------------------------------------


def test_about_forty_people_speak_three_languages_in_three_time_zones() -> None:
    assert 38 <= len(PEOPLE) <= 42
    assert {person.language for person in PEOPLE} == {code for code, _ in django_settings.LANGUAGES}
    assert len({person.city.time_zone for person in PEOPLE}) == 3
    for person in PEOPLE:
        assert re.fullmatch(r"[a-z][a-z0-9_]{1,19}", person.handle)
        assert len(person.name) <= 40


def test_nobody_real_has_one_of_the_phone_numbers() -> None:
    numbers = [person.phone for person in PEOPLE]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        parsed = phonenumbers.parse(number)
        assert phonenumbers.is_possible_number(parsed)
        assert not phonenumbers.is_valid_number(parsed)


def test_everybody_who_is_mentioned_exists() -> None:
    handles = set(BY_HANDLE)
    for story in STORIES:
        talk = told(story, now=NOW)
        assert set(story.members) <= handles
        assert {said.sender for said in talk.said} | set(talk.unread_from) <= set(story.members)
        assert {said.photo for said in talk.said} <= {"", *photos.PHOTOS}
    for _source, members, _greetings in CIRCLES:
        assert set(members) <= handles
    assert {handle for request in REQUESTS for handle in (request.sender, request.recipient)} <= handles
    assert handles >= SHARE_READ_MARKS
    places = {(member, group.title) for group in conversations.GROUPS for member in group.members}
    assert places >= PINNED | MUTED


def test_nobody_answers_what_they_have_not_read() -> None:
    for story in STORIES:
        talk = told(story, now=NOW)
        for handle, read in talk.unread_from.items():
            assert all(said.sender != handle for said in talk.said[read:]), (story, handle)


def test_tags_are_for_friends() -> None:
    pairs = {frozenset(direct.members) for direct in seeding.all_directs()}
    tagged = {
        frozenset((owner, friend)) for owner, tags in TAGS.items() for friends in tags.values() for friend in friends
    }
    assert tagged <= pairs


def test_two_people_are_friends_once() -> None:
    pairs = [frozenset(direct.members) for direct in conversations.DIRECT]
    assert len(set(pairs)) == len(pairs)
    assert all(frozenset((request.sender, request.recipient)) not in pairs for request in REQUESTS)


# Weeks in which clocks change, here or there: every weekday, and every hour of the day.
@pytest.mark.parametrize("monday", [datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)])
def test_messages_lie_in_the_past_in_order_at_hours_when_people_are_awake(monday: datetime) -> None:
    for hours in range(0, 24 * 8, 5):
        now = monday + timedelta(hours=hours)
        for story in STORIES:
            said = told(story, now=now).said
            assert said[-1].at < now
            assert all(one.at < other.at for one, other in pairwise(said))
            for line in said:
                local = line.at.astimezone(ZoneInfo(BY_HANDLE[line.sender].city.time_zone))
                assert not 0.5 < local.hour + local.minute / 60 < 6.5, (line, local)


def test_script_says_who_spoke_when() -> None:
    talk = tell(
        """
        2w Sat 09:30
        ada: Hello
        unread: bo, cy
        0d 08:00
        bo: [skyline]
        """,
        zone=ZoneInfo("Europe/Paris"),
        now=datetime(2026, 3, 11, 12, tzinfo=UTC),
        chance=Random(1),
    )
    assert talk.said == [
        Said("ada", datetime(2026, 2, 28, 8, 30, tzinfo=UTC), text="Hello"),
        Said("bo", datetime(2026, 3, 11, 7, 0, tzinfo=UTC), photo="skyline"),
    ]
    assert talk.unread_from == {"bo": 1, "cy": 1}


def test_day_zero_is_yesterday_while_today_is_not_over() -> None:
    talk = tell(
        "0d 08:00\nada: Hello",
        zone=ZoneInfo("UTC"),
        now=datetime(2026, 3, 11, 7, 59, tzinfo=UTC),
        chance=Random(1),
    )
    assert talk.said[0].at == datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("talk", ["ada: Hello", "1d 08:00\nHello", "1w Mon 08:00\nada: Hello", "1d 9:00\nada: Hello"])
def test_what_is_no_script_is_refused(talk: str) -> None:
    with pytest.raises(ValueError, match="Not a line"):
        tell(talk, zone=ZoneInfo("UTC"), now=NOW, chance=Random(1))


def test_script_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(ValueError, match="begins before"):
        tell("1d 08:00\nada: Hello\n2d 08:00\nada: Hi", zone=ZoneInfo("UTC"), now=NOW, chance=Random(1))


def test_avatars_differ_and_are_the_same_every_time() -> None:
    drawn = {person.handle: avatars.draw(person.look, name=person.name) for person in PEOPLE}
    assert {image.size for image in drawn.values()} == {(320, 320)}
    assert len({image.tobytes() for image in drawn.values()}) == len(PEOPLE)
    ada = BY_HANDLE["ada"]
    assert avatars.draw(ada.look, name=ada.name).tobytes() == drawn["ada"].tobytes()


# --- What is in the database ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def media_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = str(tmp_path_factory.mktemp("media"))
    with override_settings(MEDIA_ROOT=root):
        yield root


@pytest.fixture(scope="module")
def city(committed_db: Addresses, media_root: str) -> seeding.City:
    return seeding.seed()


@pytest.fixture
def rolled_back(city: seeding.City) -> Iterator[None]:
    """What a test does to the city is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ids() -> dict[str, int]:
    return dict(HandleDirectory.objects.values_list("handle", "user_id"))


def test_city_is_there(city: seeding.City) -> None:
    directs = seeding.all_directs()
    said = sum(len(told(story, now=timezone.now()).said) for story in STORIES)
    decided = sum(len(group.admins) + bool(group.notice) for group in conversations.GROUPS)
    assert city == seeding.City(
        people=len(PEOPLE),
        friendships=len(directs),
        conversations=len(STORIES),
        # Four are no plain texts: a place, a contact, an answer and a reaction.
        messages=said + decided + len(directs) + len(conversations.GROUPS) + 4,
        is_new=True,
    )
    assert city.friendships > 100
    assert city.messages > 700


def test_people_are_marked_and_as_described(city: seeding.City) -> None:
    users = User.objects.in_bulk(field_name="id")
    found = ids()
    keeper = users.pop(found[staff.KEEPER])
    assert (keeper.is_demo, keeper.is_staff, keeper.is_superuser, keeper.phone) == (True, True, True, None)
    assert len(users) == len(PEOPLE) == PhoneDirectory.objects.count()
    for person in PEOPLE:
        user = users[found[person.handle]]
        assert (user.handle, user.display_name, user.phone) == (person.handle, person.name, person.phone)
        assert (user.language, user.time_zone) == (person.language, person.city.time_zone)
        assert user.is_demo
        assert not user.is_staff
        assert user.avatar_id
        assert user.created_at < timezone.now() - timedelta(days=299)


def test_demo_person_signs_in_and_everybody_sees_their_avatar(city: seeding.City) -> None:
    session = accounts.sign_in_with_password(
        identifier="bo", password=demo.DEMO_PASSWORD, device_name="test", platform="web", client_address="::1"
    )
    client = Client(headers={"authorization": f"Bearer {session.access.text}"})
    avatar_id = User.objects.get(id=ids()["ada"]).avatar_id
    assert avatar_id is not None
    (asset,) = client.get("/api/v1/media/", {"ids": str(avatar_id)}).json()["results"]
    assert asset["id"] == str(avatar_id)
    assert OutboxEvent.objects.filter(event__asset_id=avatar_id, done_at=None).exists(), "no worker will hear of it"
    # As the worker will, once it runs.
    media.make_variants(asset_id=avatar_id)
    (asset,) = client.get("/api/v1/media/", {"ids": str(avatar_id)}).json()["results"]
    assert set(asset["variants"]) == {"original", "thumb", "large"}


def test_logs_are_as_the_product_writes_them(city: seeding.City) -> None:
    for conversation in Conversation.objects.all():
        rows = list(Message.objects.filter(conversation=conversation).order_by("seq"))
        is_group = conversation.kind == Conversation.Kind.GROUP
        assert [row.seq for row in rows] == list(range(1, conversation.last_seq + 1))
        said = {"text", "photo", "location", "contact"}
        counts = [row.kind in {*said, "friends_now", "notice_changed"} for row in rows]
        assert [row.message_no for row in rows] == list(accumulate(counts))
        assert conversation.last_message_no == rows[-1].message_no
        assert conversation.created_at == rows[0].created_at
        assert conversation.changed_at == rows[-1].created_at < timezone.now()
        assert all(one.created_at < other.created_at for one, other in pairwise(rows))
        first, *decided = [row.kind for row in rows if row.kind not in {*said, "reacted"}]
        assert first == (Message.Kind.GROUP_CREATED if is_group else Message.Kind.FRIENDS_NOW)
        assert set(decided) <= {Message.Kind.ADMIN_APPOINTED, Message.Kind.NOTICE_CHANGED}
        assert rows[0].kind not in said
        members = list(Membership.objects.filter(conversation=conversation))
        assert {row.sender_id for row in rows} <= {member.user_id for member in members}
        assert conversation.member_count == len(members)
        for member in members:
            assert member.joined_seq == 1
            assert member.read_message_no == rows[member.read_seq - 1].message_no
            assert member.read_seq >= max((row.seq for row in rows if row.sender_id == member.user_id), default=0)
            assert member.joined_at == rows[0].created_at


def test_people_say_more_than_texts(city: seeding.City) -> None:
    (reaction,) = Reaction.objects.all()
    rows = Message.objects.filter(conversation_id=reaction.conversation_id)
    assert {"location", "contact", "reacted"} <= set(rows.values_list("kind", flat=True))
    loved = rows.get(seq=reaction.seq)
    assert (loved.reactions, rows.get(kind="reacted").ref_seq) == ({reaction.emoji: 1}, loved.seq)
    answer = rows.get(quote_seq=loved.seq)
    assert answer.body["quote"]["text"] == loved.body["text"]
    # The list shows the last thing that was said.
    conversation = Conversation.objects.get(id=reaction.conversation_id)
    assert (conversation.last_shown_seq, conversation.last_seq) == (answer.seq, answer.seq + 1)


def test_friends_have_one_conversation(city: seeding.City) -> None:
    directs = Conversation.objects.filter(kind="direct")
    assert DirectPair.objects.count() == directs.count() == city.friendships
    for pair in DirectPair.objects.all():
        friendships = Friendship.objects.filter(conversation_id=pair.conversation_id)
        assert {(one.user_id, one.friend_id) for one in friendships} == {(pair.lo, pair.hi), (pair.hi, pair.lo)}
        members = Membership.objects.filter(conversation_id=pair.conversation_id).values_list("user_id", flat=True)
        assert set(members) == {pair.lo, pair.hi}
        greeting = Message.objects.get(conversation_id=pair.conversation_id, seq=1)
        request = FriendRequest.objects.get(
            sender_id=greeting.sender_id, recipient_id=pair.lo + pair.hi - greeting.sender_id
        )
        assert request.state == FriendRequest.State.ACCEPTED
        assert greeting.body == {"greeting": request.greeting}
        assert request.created_at < greeting.created_at == friendships[0].created_at


def test_groups_were_opened_among_friends(city: seeding.City) -> None:
    groups = Conversation.objects.filter(kind="group")
    assert GroupCreation.objects.count() == groups.count() == len(conversations.GROUPS)
    for creation in GroupCreation.objects.all():
        first = Message.objects.get(conversation_id=creation.conversation_id, seq=1)
        members = set(
            Membership.objects.filter(conversation_id=creation.conversation_id).values_list("user_id", flat=True)
        )
        owner = Membership.objects.get(conversation_id=creation.conversation_id, role=Membership.Role.OWNER)
        assert owner.user_id == creation.creator_id == first.sender_id
        assert (first.client_id, bytes(first.request_hash)) == (creation.client_id, bytes(creation.request_hash))
        assert {int(user_id) for user_id in first.body["member_ids"]} == members
        friends = Friendship.objects.filter(user_id=creation.creator_id, created_at__lt=first.created_at)
        assert members - {creation.creator_id} <= set(friends.values_list("friend_id", flat=True))


def test_the_largest_group_has_administrators_a_notice_and_a_link(city: seeding.City) -> None:
    group = Conversation.objects.order_by("-member_count")[0]
    appointed = Message.objects.filter(conversation=group, kind="admin_appointed")
    admins = Membership.objects.filter(conversation=group, role="admin").values_list("user_id", flat=True)
    assert {int(row.body["member_id"]) for row in appointed} == set(admins) != set()
    notice = Message.objects.get(conversation=group, kind="notice_changed")
    assert (notice.body, notice.seq) == ({"notice": group.notice}, group.mention_all_seq)
    owner = Membership.objects.get(conversation=group, role="owner")
    (link,) = GroupLink.objects.all()
    issued = messaging.group_link(actor_id=owner.user_id, conversation_id=group.id)
    assert (link.conversation_id, link.issuer_id, link.id) == (group.id, owner.user_id, issued.link.id)


def test_people_work_in_an_organisation_of_each_kind(city: seeding.City) -> None:
    found = ids()
    for one in WORKPLACES:
        organisation = Organisation.objects.get(name=one.name)
        assert (organisation.kind, organisation.state) == (one.kind, "active" if one.is_approved else "requested")
        staff_of = OrganisationMember.objects.filter(organisation_id=organisation.id)
        expected = {one.owner: ("owner",), **one.staff}
        assert {place.user_id: tuple(place.roles) for place in staff_of} == {
            found[handle]: roles for handle, roles in expected.items()
        }
        waiting = OrganisationInvitation.objects.filter(organisation_id=organisation.id, state="pending")
        assert {row.invitee_id: tuple(row.roles) for row in waiting} == {
            found[handle]: roles for handle, roles in one.invited.items()
        }
    assert {one.kind for one in WORKPLACES if one.is_approved} == set(Organisation.Kind)
    assert sum(len(one.invited) for one in WORKPLACES) == 1


def test_ada_and_bo_are_friends_with_news_for_both(city: seeding.City) -> None:
    ada, bo = ids()["ada"], ids()["bo"]
    friendship = Friendship.objects.get(user_id=ada, friend_id=bo)
    assert Message.objects.filter(conversation_id=friendship.conversation_id).count() > 60
    unread = Membership.objects.filter(conversation__last_message_no__gt=F("read_message_no"))
    assert unread.filter(user_id=ada).count() == 3
    assert unread.filter(user_id=bo).count() == 2
    assert Preferences.objects.filter(user_id__in=[ada, bo], shares_read_marks=True).count() == 2
    asked = FriendRequest.objects.get(recipient_id=ada, state=FriendRequest.State.PENDING)
    assert asked.greeting.startswith("Hello Ada")
    assert Friendship.objects.get(user_id=ada, friend_id=ids()["grace"]).remark == "Mum"
    assert Friendship.objects.get(user_id=ids()["fang"], friend_id=ids()["bin"]).remark == "房东"
    assert Block.objects.count() == 1


@pytest.mark.usefixtures("rolled_back")
def test_photo_is_what_the_product_makes_of_one() -> None:
    with override_settings(LIMITS_OVERRIDES={"messaging.send.user": (1000, 1)}):
        for seeded in Message.objects.filter(kind="photo"):
            asset = Asset.objects.get(id=int(seeded.body["asset_id"]))
            assert asset.reference == f"{seeded.conversation_id}:{seeded.seq}"
            Asset.objects.filter(id=asset.id).update(reference=None)
            sent = messaging.send_message(
                sender_id=seeded.sender_id,
                conversation_id=seeded.conversation_id,
                client_id=uuid4(),
                kind="photo",
                asset_id=asset.id,
            )
            assert sent.body == seeded.body
            assert bytes(sent.request_hash) == bytes(seeded.request_hash)
    assert Message.objects.filter(kind="photo").count() >= 4


@pytest.mark.usefixtures("rolled_back")
def test_every_conversation_goes_on() -> None:
    with override_settings(LIMITS_OVERRIDES={"messaging.send.user": (10_000, 1)}):
        for member in Membership.objects.select_related("conversation"):
            before = Conversation.objects.get(id=member.conversation_id)
            sent = messaging.send_message(
                sender_id=member.user_id,
                conversation_id=member.conversation_id,
                client_id=uuid4(),
                kind="text",
                text="Hello again",
            )
            assert (sent.seq, sent.message_no) == (before.last_seq + 1, before.last_message_no + 1)


def test_card_says_whom_to_sign_in_as(city: seeding.City) -> None:
    lines = demo.card()
    assert lines[0] == "ada         Ada Okafor     +44 7700 900101    English    9 unread"
    assert lines[3] == "mei         林小梅         +86 12100000101    简体中文   6 unread"
    assert lines[4] == "password    superapp-demo   (everybody's)   payment PIN 271828"
    assert lines[5].startswith("admin       http://localhost:8000/backstage/ ")
    assert lines[6] == "its code    .venv/bin/python manage.py second_factor"


def test_keeper_gets_into_the_admin_with_what_the_card_says(city: seeding.City) -> None:
    client, said = Client(), io.StringIO()
    handle, password = staff.KEEPER, demo.DEMO_PASSWORD
    first = client.post("/account/sign-in/", {"login": handle, "password": password})
    assert first["Location"] == "/account/second-factor/"
    call_command("second_factor", stdout=said)
    client.post("/account/second-factor/", {"code": said.getvalue().strip()})
    assert client.get("/backstage/").status_code == 200


def test_no_second_factor_is_shown_where_demo_people_do_not_belong(city: seeding.City) -> None:
    with override_settings(DEMO_DATA=False), pytest.raises(CommandError):
        call_command("second_factor")


# --- Seeding again ----------------------------------------------------------------------------------------------------

TABLES = [
    *(User, HandleDirectory, PhoneDirectory, Asset, Conversation, DirectPair, GroupCreation, Membership, Message),
    *(Friendship, FriendRequest, Block, Preferences, OutboxEvent),
]


def everything() -> dict[str, set[str]]:
    """All rows of the tables that seeding writes to."""
    return {model._meta.db_table: {as_text(row) for row in model.objects.values_list()} for model in TABLES}


def as_text(row: Iterable[object]) -> str:
    return repr([bytes(value) if isinstance(value, memoryview) else value for value in row])


def test_second_run_changes_nothing_and_is_quick(city: seeding.City) -> None:
    before = everything()
    began = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        again = seeding.seed()
    assert time.monotonic() - began < 1
    assert not [query["sql"] for query in queries if re.match("INSERT|UPDATE|DELETE", query["sql"])]
    assert everything() == before
    assert (again.people, again.is_new) == (len(PEOPLE), False)


@pytest.mark.usefixtures("rolled_back")
def test_what_a_developer_did_to_the_city_stays_done() -> None:
    found = ids()
    accounts.change_profile(actor_id=found["ada"], avatar_id=None, handle="ada_lovelace", display_name="A. O.")
    messaging.remove_friend(actor_id=found["ada"], friend_id=found["bo"])
    request = FriendRequest.objects.get(recipient_id=found["ada"], sender_id=found["yuki"])
    messaging.accept_friend_request(actor_id=found["ada"], request_id=request.id)
    block = Block.objects.get()
    messaging.unblock(actor_id=block.user_id, user_id=block.blocked_id)
    before = everything()
    assert not seeding.seed().is_new
    assert everything() == before


@pytest.mark.usefixtures("rolled_back")
def test_what_is_new_in_the_city_is_added_to_an_old_one() -> None:
    ada, grace = ids()["ada"], ids()["grace"]
    before = Message.objects.count()
    old = Friendship.objects.get(user_id=ada, friend_id=grace).conversation_id
    for model in (Membership, Message, Friendship, DirectPair):
        model.objects.filter(conversation_id=old).delete()
    Conversation.objects.filter(id=old).delete()
    assert seeding.seed().is_new
    new = Friendship.objects.get(user_id=ada, friend_id=grace).conversation_id
    assert Message.objects.filter(conversation_id=new).count() > 20
    assert Message.objects.count() == before


@pytest.mark.usefixtures("rolled_back")
def test_somebody_real_with_the_name_of_a_demo_person_is_left_alone() -> None:
    User.objects.filter(handle="ada").update(is_demo=False)
    before = everything()
    with pytest.raises(Problem, match=r"@ada.*not of the demo"):
        seeding.seed()
    assert everything() == before


def test_where_demo_data_does_not_belong_it_is_refused(city: seeding.City) -> None:
    with (
        override_settings(DEMO_DATA=False),
        CaptureQueriesContext(connection) as queries,
        pytest.raises(CommandError, match="do not belong here"),
    ):
        call_command("seed")
    assert len(queries) == 0


def test_killed_run_is_completed_by_the_next(city: seeding.City, home: Addresses, media_root: str) -> None:
    addresses = home.with_copy("killed_seed")
    environment = os.environ | addresses.environment() | {"MEDIA_ROOT": media_root}
    command = [sys.executable, "manage.py", "seed"]
    with stage.copied_database(addresses), psycopg2.connect(addresses.database_url) as watching:
        watching.autocommit = True
        run = subprocess.Popen(command, cwd=places.CLONE, env=environment)
        while run.poll() is None and count(watching, "media_asset") < 5:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, "it was over before it could be killed"
        assert count(watching, "accounts_user") == len(PEOPLE)
        assert 5 <= count(watching, "media_asset") < len(PEOPLE)
        assert count(watching, "messaging_message") == 0
        subprocess.run(command, cwd=places.CLONE, env=environment, check=True, timeout=60)
        # What went with money is told by tests of that.
        assert count(watching, "messaging_message WHERE kind <> 'card'") == city.messages
        assert count(watching, "accounts_user WHERE avatar_id IS NOT NULL") == len(PEOPLE)
        assert count(watching, "media_asset WHERE reference IS NULL") == 0


def count(watching: "psycopg2.extensions.connection", what: str) -> int:
    with watching.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {what}")
        return int(cursor.fetchone()[0])
