"""Puts the demo city into the database.

Each step looks for what it makes under names that never change (handles, pairs of friends, client ids) and adds what is
missing. So a run that was killed is completed by the next one, and what a developer does to the city stays done: what
has been there once is not made again.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from messaging.models import (
    Block,
    DirectPair,
    FriendRequest,
    Friendship,
    FriendTag,
    GroupCreation,
    Membership,
    Message,
    Preferences,
    TaggedFriend,
)
from superapp.accounts import services as accounts
from superapp.accounts.models import HandleDirectory, PhoneDirectory, User
from superapp.client.talk import DEMO_PASSWORD
from superapp.core.ids import new_id
from superapp.localdev.demo import conversations, organisations, staff
from superapp.localdev.demo.avatars import draw as draw_avatar
from superapp.localdev.demo.friends import ACQUAINTANCES, CIRCLES, REQUESTS, SHARE_READ_MARKS, TAGS, Request
from superapp.localdev.demo.history import History, chance_for, client_id, name_of, told
from superapp.localdev.demo.people import BY_HANDLE, PEOPLE, Person
from superapp.localdev.demo.photos import draw as draw_photo
from superapp.localdev.demo.pictures import Picture, stored
from superapp.localdev.demo.script import Direct, Group
from superapp.localdev.progress import Problem

Ids = Mapping[str, int]
_ONE_AT_A_TIME = 2_026_040_001


@dataclass(frozen=True)
class City:
    """How much there is now, and whether any of it is new."""

    people: int
    friendships: int
    conversations: int
    messages: int
    is_new: bool


def seed(*, now: datetime | None = None) -> City:
    """Make what is missing of the demo city. Raises ``Problem`` when somebody real has the name of a demo person."""
    now = now or timezone.now()
    ids, has_new_people = people(now=now)
    has_new_avatars = avatars(ids)
    has_new_stories = stories(ids, now=now)
    has_new_organisations = workplaces(ids)
    has_new_staff = staff.seed()
    return _counted(
        is_new=has_new_people or has_new_avatars or has_new_stories or has_new_organisations or has_new_staff
    )


# --- People -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def people(*, now: datetime) -> tuple[Ids, bool]:
    """The ids of all demo people by handle, and whether any of them is new: then all are made at once, or none."""
    _one_at_a_time()
    ids = dict(HandleDirectory.objects.filter(handle__in=BY_HANDLE).values_list("handle", "user_id"))
    missing = [person for person in PEOPLE if person.handle not in ids]
    _check_names_are_free(ids, missing)
    # One hash for everybody: it is slow on purpose.
    password = make_password(DEMO_PASSWORD) if missing else ""
    users = [_person(person, password, now) for person in missing]
    User.objects.bulk_update(users, ["password", "created_at"])
    ids |= {person.handle: user.id for person, user in zip(missing, users, strict=True)}
    Preferences.objects.bulk_create(
        Preferences(user_id=ids[person.handle], shares_read_marks=True)
        for person in missing
        if person.handle in SHARE_READ_MARKS
    )
    return ids, bool(missing)


def _person(person: Person, password: str, now: datetime) -> User:
    user = accounts.create_user(
        phone=person.phone,
        display_name=person.name,
        handle=person.handle,
        language=person.language,
        time_zone=person.city.time_zone,
        is_demo=True,
    )
    user.password = password
    user.created_at = now - timedelta(days=chance_for("joined", person.handle).uniform(300, 500))
    return user


def _check_names_are_free(ids: Ids, missing: Sequence[Person]) -> None:
    strangers = set(User.objects.filter(id__in=ids.values(), is_demo=False).values_list("id", flat=True))
    taken = [f"@{handle}" for handle, user_id in ids.items() if user_id in strangers]
    phones = [person.phone for person in missing]
    taken += PhoneDirectory.objects.filter(phone__in=phones).values_list("phone", flat=True)
    if taken:
        raise Problem(
            f"{', '.join(sorted(taken))}: these names are for demo people, but somebody here who is not of the demo has"
            " them.",
            cure="`make run ARGS=--no-demo` leaves the demo people out; `make reset` starts afresh.",
        )


def avatars(ids: Ids) -> bool:
    """Give everybody the picture that was drawn for them, once: who has taken theirs off again keeps it off."""
    wanted = [
        Picture(
            client_id=client_id("avatar", person.handle),
            owner_id=ids[person.handle],
            purpose="avatar",
            draw=functools.partial(draw_avatar, person.look, name=person.name),
        )
        for person in PEOPLE
    ]
    # An asset that has never hung on anything is new, or its run was killed right after the upload.
    fresh = [asset for asset in stored(wanted).values() if asset.reference is None and not asset.link_generation]
    for asset in fresh:
        accounts.change_profile(actor_id=asset.owner_id, avatar_id=asset.id)
    return bool(fresh)


@transaction.atomic
def workplaces(ids: Ids) -> bool:
    """The organisations that are missing, all or none. Returns whether any were."""
    _one_at_a_time()
    return organisations.found(ids)


# --- Friends and what they say ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Missing:
    directs: Sequence[Direct]
    groups: Sequence[Group]
    requests: Sequence[Request]

    @property
    def stories(self) -> list[Direct | Group]:
        return [*self.directs, *self.groups]

    def __bool__(self) -> bool:
        return bool(self.directs or self.groups or self.requests)


def stories(ids: Ids, *, now: datetime) -> bool:
    """Friendships, conversations and open requests: all that are missing, or none. Returns whether any were.

    Nobody is told: whoever is signed in as a demo person sees them at their next full synchronisation.
    """
    if not (missing := _missing(ids)):
        return False
    photos = stored(_photos(missing, ids, now))
    with transaction.atomic():
        _one_at_a_time()
        missing = _missing(ids)
        history = History(ids=ids, photos=photos, now=now)
        for direct in missing.directs:
            history.add_direct(direct)
        for group in missing.groups:
            history.add_group(group)
        history.write()
        _ask(missing.requests, ids, now)
        _tag(ids)
    return True


def all_directs() -> list[Direct]:
    """Everybody who is friends with somebody; those who talk come first, because a pair counts once."""
    known = {frozenset(direct.members): direct for direct in conversations.DIRECT}
    for asks, answers, source, greeting in ACQUAINTANCES:
        direct = Direct(asks=asks, answers=answers, source=source, greeting=greeting)
        known.setdefault(frozenset(direct.members), direct)
    for source, members, greetings in CIRCLES:
        for asks, answers in combinations(members, 2):
            greeting = chance_for("greeting", asks, answers).choice(greetings)
            direct = Direct(asks=asks, answers=answers, source=source, greeting=greeting)
            known.setdefault(frozenset(direct.members), direct)
    return list(known.values())


def _missing(ids: Ids) -> _Missing:
    everybody = list(ids.values())
    pairs = set(DirectPair.objects.filter(lo__in=everybody).values_list("lo", "hi"))
    groups = set(GroupCreation.objects.filter(creator_id__in=everybody).values_list("client_id", flat=True))
    asked = set(FriendRequest.objects.filter(recipient_id__in=everybody).values_list("recipient_id", "sender_id"))
    return _Missing(
        directs=[
            direct for direct in all_directs() if tuple(sorted(ids[handle] for handle in direct.members)) not in pairs
        ],
        groups=[group for group in conversations.GROUPS if client_id(*name_of(group)) not in groups],
        requests=[request for request in REQUESTS if (ids[request.recipient], ids[request.sender]) not in asked],
    )


def _photos(missing: _Missing, ids: Ids, now: datetime) -> list[Picture]:
    return [
        Picture(
            client_id=client_id(*name_of(story), str(seq)),
            owner_id=ids[said.sender],
            purpose="message",
            draw=functools.partial(draw_photo, said.photo),
        )
        for story in missing.stories
        # The first row of a conversation says how it began.
        for seq, said in enumerate(told(story, now=now).said, 2)
        if said.photo
    ]


def _ask(requests: Sequence[Request], ids: Ids, now: datetime) -> None:
    state = FriendRequest.State
    FriendRequest.objects.bulk_create(
        FriendRequest(
            recipient_id=ids[request.recipient],
            sender_id=ids[request.sender],
            id=new_id(),
            source=request.source,
            greeting=request.greeting,
            state=state.DECLINED if request.refused else state.PENDING,
            created_at=now - timedelta(hours=request.hours_ago),
        )
        for request in requests
    )
    Block.objects.bulk_create(
        (
            Block(
                user_id=ids[request.recipient],
                blocked_id=ids[request.sender],
                created_at=now - timedelta(hours=request.hours_ago - 1),
            )
            for request in requests
            if request.refused
        ),
        ignore_conflicts=True,
    )


def _tag(ids: Ids) -> None:
    FriendTag.objects.bulk_create(
        (FriendTag(user_id=ids[handle], id=new_id(), name=name) for handle, tags in TAGS.items() for name in tags),
        ignore_conflicts=True,
    )
    known = FriendTag.objects.filter(user_id__in=[ids[handle] for handle in TAGS])
    tag_ids = {(tag.user_id, tag.name): tag.id for tag in known}
    TaggedFriend.objects.bulk_create(
        (
            TaggedFriend(user_id=ids[handle], friend_id=ids[friend], tag_id=tag_ids[ids[handle], name])
            for handle, tags in TAGS.items()
            for name, friends in tags.items()
            for friend in friends
        ),
        ignore_conflicts=True,
    )


# --- All of them -----------------------------------------------------------------------------------------------------


def _one_at_a_time() -> None:
    """Two seeds at once queue up here, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])


def _counted(*, is_new: bool) -> City:
    demo = User.objects.filter(is_demo=True, is_staff=False).values("id")
    theirs = Membership.objects.filter(user_id__in=demo).values("conversation_id")
    messages = Message.objects.filter(conversation_id__in=theirs)
    return City(
        people=demo.count(),
        friendships=Friendship.objects.filter(user_id__in=demo, friend_id__in=demo).count() // 2,
        # A greeting alone is no conversation.
        conversations=messages.filter(seq=2).count(),
        messages=messages.count(),
        is_new=is_new,
    )
