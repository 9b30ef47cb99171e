"""What somebody files their friends under, for their own eyes."""

from collections.abc import Sequence

from django.db import connection, transaction

from messaging import selectors
from messaging.errors import TagNameTaken, TooManyTags
from messaging.models import Friendship, FriendTag, TaggedFriend
from superapp.core.errors import NotFound
from superapp.core.ids import new_id
from superapp.realtime import push

MOST_TAGS = 100


@transaction.atomic
def create_tag(*, actor_id: int, name: str) -> FriendTag:
    """A tag of this name; the one that is there, if there is. Raises ``TooManyTags``."""
    _lock(actor_id)
    known = FriendTag.objects.filter(user_id=actor_id, name=name).first()
    if known is not None:
        return known
    if FriendTag.objects.filter(user_id=actor_id).count() >= MOST_TAGS:
        raise TooManyTags(most=MOST_TAGS)
    tag = FriendTag.objects.create(user_id=actor_id, id=new_id(), name=name)
    _tell(actor_id)
    return tag


@transaction.atomic
def rename_tag(*, actor_id: int, tag_id: int, name: str) -> FriendTag:
    """Raises ``NotFound`` or ``TagNameTaken``."""
    _lock(actor_id)
    tag = FriendTag.objects.filter(user_id=actor_id, id=tag_id).first()
    if tag is None:
        raise NotFound
    if FriendTag.objects.filter(user_id=actor_id, name=name).exclude(id=tag_id).exists():
        raise TagNameTaken
    FriendTag.objects.filter(user_id=actor_id, id=tag_id).update(name=name)
    tag.name = name
    _tell(actor_id)
    return tag


@transaction.atomic
def delete_tag(*, actor_id: int, tag_id: int) -> None:
    """The friends stay. Raises ``NotFound``."""
    _lock(actor_id)
    TaggedFriend.objects.filter(user_id=actor_id, tag_id=tag_id).delete()
    deleted, _by_model = FriendTag.objects.filter(user_id=actor_id, id=tag_id).delete()
    if not deleted:
        raise NotFound
    _tell(actor_id)


@transaction.atomic
def change_friend(
    *, actor_id: int, friend_id: int, remark: str | None = None, tag_ids: Sequence[int] | None = None
) -> Friendship:
    """Give a friend a name of one's own (empty takes it back), or put them under exactly these tags.

    Raises ``NotFound`` for whoever is no friend, and for others' tags.
    """
    _lock(actor_id)
    # Held until the commit: a friendship that ends meanwhile takes its tags along afterwards.
    mine = Friendship.objects.filter(user_id=actor_id, friend_id=friend_id)
    friendship = mine.select_for_update(no_key=True).first()
    if friendship is None:
        raise NotFound
    if remark is not None:
        friendship.remark = remark
        mine.update(remark=remark)
    if tag_ids is not None:
        _put_under(actor_id, friend_id, set(tag_ids))
    # Not what it says now: that is about somebody who may want to be forgotten.
    push.to_users([actor_id], type="friend.changed", payload={"user_id": str(friend_id)}, keep=True)
    return friendship


def _put_under(actor_id: int, friend_id: int, wanted: set[int]) -> None:
    if FriendTag.objects.filter(user_id=actor_id, id__in=wanted).count() != len(wanted):
        raise NotFound
    TaggedFriend.objects.filter(user_id=actor_id, friend_id=friend_id).exclude(tag_id__in=wanted).delete()
    TaggedFriend.objects.bulk_create(
        (TaggedFriend(user_id=actor_id, friend_id=friend_id, tag_id=tag_id) for tag_id in sorted(wanted)),
        ignore_conflicts=True,
    )


def _lock(actor_id: int) -> None:
    """Somebody's tags change one after the other, whichever of their devices asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"tags:{actor_id}"])


def _tell(actor_id: int) -> None:
    tags = [{"id": str(tag.id), "name": tag.name} for tag in selectors.tags_of(actor_id)]
    push.to_users([actor_id], type="friend_tags.changed", payload={"tags": tags}, keep=True)
