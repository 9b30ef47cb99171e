"""Friends: asked for, accepted, named, removed and blocked."""

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from messaging import log
from messaging.errors import (
    AlreadyFriends,
    RequestAnswered,
    RequestExpired,
    TakesNoRequests,
    ThatIsYou,
    YouBlockedThem,
)
from messaging.frames import friend_request_frame
from messaging.models import Block, FriendRequest, Friendship, Message, Preferences, TaggedFriend
from messaging.services.conversations import direct_conversation
from superapp.accounts import selectors as accounts
from superapp.core import limits
from superapp.core.errors import NotFound, TooManyRequests
from superapp.core.ids import new_id
from superapp.realtime import push

AddableBy, Source = Preferences.AddableBy, Friendship.Source
#: Of one person's requests so many wait at a time.
MOST_WAITING = 100


def request_friend(*, sender_id: int, recipient_id: int, source: str, greeting: str = "") -> FriendRequest:
    """Ask somebody to be friends. Asking again while it waits changes its greeting, and after a refusal renews it;
    where they asked already, it accepts theirs.

    Of one person at most ``MOST_WAITING`` requests wait for answers. Raises ``ThatIsYou``, ``NotFound`` (also
    where they blocked the sender), ``AlreadyFriends``, ``YouBlockedThem``, ``TakesNoRequests``, ``TooManyRequests``.
    """
    if sender_id == recipient_id:
        raise ThatIsYou
    accounts.visible_user(recipient_id, viewer_id=sender_id)
    limits.take(action="messaging.friend_request.user", subject=str(sender_id))
    return _request(sender_id, recipient_id, source, greeting)


@transaction.atomic
def _request(sender_id: int, recipient_id: int, source: str, greeting: str) -> FriendRequest:
    # Before the pair's, and nobody who holds a pair's takes it.
    _lock(f"requests:{sender_id}")
    _lock_pair(sender_id, recipient_id)
    if Friendship.objects.filter(user_id=sender_id, friend_id=recipient_id).exists():
        raise AlreadyFriends
    if Block.objects.filter(user_id=recipient_id, blocked_id=sender_id).exists():
        raise NotFound
    if Block.objects.filter(user_id=sender_id, blocked_id=recipient_id).exists():
        raise YouBlockedThem
    theirs = _pending(recipient_id=sender_id, sender_id=recipient_id)
    waiting = _pending(recipient_id=recipient_id, sender_id=sender_id)
    if waiting and not theirs and (waiting.source, waiting.greeting) == (source, greeting):
        # A retry: it is the same request, under the same id, and its recipient has been told.
        return waiting
    if not theirs:
        _check_takes_requests(recipient_id, source)
        _check_may_wait(sender_id, recipient_id)
    request, _created = FriendRequest.objects.update_or_create(
        recipient_id=recipient_id,
        sender_id=sender_id,
        defaults={
            "id": waiting.id if waiting else new_id(),
            "source": source,
            "greeting": greeting,
            "state": FriendRequest.State.PENDING,
            "created_at": waiting.created_at if waiting else timezone.now(),
        },
    )
    if theirs:
        _befriend(theirs)
        request.state = FriendRequest.State.ACCEPTED
    else:
        push.to_users([recipient_id], type="friend.requested", payload=friend_request_frame(request), keep=True)
    return request


@transaction.atomic
def accept_friend_request(*, actor_id: int, request_id: int) -> Friendship:
    """Become friends: both directions, their conversation, and the greeting as its first row.

    Raises ``NotFound`` (not a request to the actor), ``RequestAnswered`` or ``RequestExpired``.
    """
    request = _request_to(actor_id, request_id)
    _lock_pair(request.sender_id, request.recipient_id)
    request.refresh_from_db()
    if request.state == FriendRequest.State.DECLINED:
        raise RequestAnswered
    if request.is_expired:
        raise RequestExpired
    if request.state == FriendRequest.State.PENDING:
        if _one_has_blocked_the_other(request.sender_id, request.recipient_id):
            raise RequestAnswered
        _befriend(request)
    # A retry of an accepted request finds the friendship, unless it has ended meanwhile.
    friendship = Friendship.objects.filter(user_id=actor_id, friend_id=request.sender_id).first()
    if friendship is None:
        raise RequestAnswered
    return friendship


@transaction.atomic
def decline_friend_request(*, actor_id: int, request_id: int) -> None:
    """Say no; the sender is not told. Raises ``NotFound`` or ``RequestAnswered``."""
    request = _request_to(actor_id, request_id)
    _lock_pair(request.sender_id, request.recipient_id)
    changed = FriendRequest.objects.filter(
        recipient_id=actor_id, id=request_id, state__in=[FriendRequest.State.PENDING, FriendRequest.State.DECLINED]
    ).update(state=FriendRequest.State.DECLINED)
    if not changed:
        raise RequestAnswered


@transaction.atomic
def remove_friend(*, actor_id: int, friend_id: int) -> None:
    """End the friendship on both sides; the history stays readable. Raises ``NotFound``."""
    _lock_pair(actor_id, friend_id)
    removed, _ = Friendship.objects.filter(user_id=actor_id, friend_id=friend_id).delete()
    if not removed:
        raise NotFound
    Friendship.objects.filter(user_id=friend_id, friend_id=actor_id).delete()
    for one, other in ((actor_id, friend_id), (friend_id, actor_id)):
        TaggedFriend.objects.filter(user_id=one, friend_id=other).delete()


@transaction.atomic
def block(*, actor_id: int, user_id: int) -> None:
    """Refuse everything direct from somebody. Repeatable. Raises ``ThatIsYou`` or ``NotFound``."""
    if actor_id == user_id:
        raise ThatIsYou
    accounts.active_user(user_id)
    _lock_pair(actor_id, user_id)
    Block.objects.bulk_create([Block(user_id=actor_id, blocked_id=user_id)], ignore_conflicts=True)
    # What they had asked is answered by this: lifting the block does not ask it again.
    FriendRequest.objects.filter(recipient_id=actor_id, sender_id=user_id, state=FriendRequest.State.PENDING).update(
        state=FriendRequest.State.DECLINED
    )


def unblock(*, actor_id: int, user_id: int) -> None:
    """Repeatable; what was refused meanwhile stays refused."""
    Block.objects.filter(user_id=actor_id, blocked_id=user_id).delete()


def _request_to(actor_id: int, request_id: int) -> FriendRequest:
    request = FriendRequest.objects.filter(recipient_id=actor_id, id=request_id).first()
    if request is None:
        raise NotFound
    return request


def _one_has_blocked_the_other(one: int, other: int) -> bool:
    return Block.objects.filter(Q(user_id=one, blocked_id=other) | Q(user_id=other, blocked_id=one)).exists()


def _pending(*, recipient_id: int, sender_id: int) -> FriendRequest | None:
    return FriendRequest.objects.filter(
        recipient_id=recipient_id,
        sender_id=sender_id,
        state=FriendRequest.State.PENDING,
        created_at__gt=timezone.now() - FriendRequest.LIFETIME,
    ).first()


def _check_takes_requests(recipient_id: int, source: str) -> None:
    choice = Preferences.objects.filter(user_id=recipient_id).values_list("addable_by", flat=True).first()
    if choice == AddableBy.NOBODY or (choice == AddableBy.CARD and source not in {Source.QR, Source.CARD}):
        raise TakesNoRequests(addable_by=choice)


def _check_may_wait(sender_id: int, recipient_id: int) -> None:
    """Under the sender's lock, so that two at once do not both find room."""
    waiting = FriendRequest.objects.filter(
        sender_id=sender_id,
        state__in=[FriendRequest.State.PENDING, FriendRequest.State.DECLINED],
        created_at__gt=timezone.now() - FriendRequest.LIFETIME,
    ).exclude(recipient_id=recipient_id)
    # A refused one counts while it would have waited: the sender is not to learn of the refusal.
    times = list(waiting.order_by("-created_at").values_list("created_at", flat=True)[:MOST_WAITING])
    if len(times) == MOST_WAITING:
        until = times[-1] + FriendRequest.LIFETIME - timezone.now()
        raise TooManyRequests(retry_after_seconds=max(until.total_seconds(), 1))


def _lock(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _lock_pair(one: int, other: int) -> None:
    """Everything that makes or ends this friendship queues up here, whoever of the two does it.

    The rows it is about may not exist yet, so the lock is on the pair's name; it ends with the transaction.
    """
    lo, hi = sorted((one, other))
    _lock(f"friends:{lo}:{hi}")
    with connection.cursor() as cursor:
        # And their conversation, if they have one: a message under way comes before this, or sees what it did.
        cursor.execute(
            """
            SELECT 1 FROM messaging_direct_pair AS pair
            JOIN messaging_conversation AS c ON c.id = pair.conversation_id
            WHERE pair.lo = %s AND pair.hi = %s FOR NO KEY UPDATE OF c
            """,
            [lo, hi],
        )


def _befriend(request: FriendRequest) -> None:
    pair = (request.sender_id, request.recipient_id)
    conversation_id = direct_conversation(user_ids=pair)
    Friendship.objects.bulk_create(
        [
            Friendship(user_id=user_id, friend_id=friend_id, source=request.source, conversation_id=conversation_id)
            for user_id, friend_id in (pair, pair[::-1])
        ],
        ignore_conflicts=True,
    )
    # Theirs, and one of the other direction that was left waiting: it must not make them friends once more.
    FriendRequest.objects.filter(
        Q(recipient_id=request.recipient_id, sender_id=request.sender_id)
        | Q(recipient_id=request.sender_id, sender_id=request.recipient_id, state=FriendRequest.State.PENDING)
    ).update(state=FriendRequest.State.ACCEPTED)
    _greet(request, conversation_id)
    for user_id, friend_id in (pair, pair[::-1]):
        payload = {"user_id": str(friend_id), "conversation_id": str(conversation_id)}
        push.to_users([user_id], type="friend.added", payload=payload, keep=True)


def _greet(request: FriendRequest, conversation_id: int) -> None:
    greeting = log.add(
        conversation_id=conversation_id,
        actor_id=request.sender_id,
        kind=Message.Kind.FRIENDS_NOW,
        body={"greeting": request.greeting},
        counts=True,
    )
    log.mark_own_as_read(greeting, user_id=request.sender_id)
