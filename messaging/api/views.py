from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from messaging import people, selectors, services
from messaging.api import group_serializers as group_shapes
from messaging.api import people_serializers as people_shapes
from messaging.api import serializers as shapes
from messaging.errors import (
    AdminsOnly,
    AlreadyFriends,
    Blocked,
    ConversationClosed,
    GroupTooLarge,
    MayNotCallAll,
    NotForThis,
    NotFriends,
    Recalled,
    RequestAnswered,
    RequestExpired,
    Silenced,
    TakesNoRequests,
    ThatIsYou,
    TooLong,
    WrongKind,
    YouBlockedThem,
)
from messaging.frames import friend_request_frame, message_frame
from messaging.models import Block, FriendRequest, Friendship, Membership, Preferences
from messaging.services.joining import Added
from messaging.services.marks import ReadMark
from superapp.accounts import selectors as accounts
from superapp.accounts.api.serializers import ProfileOutput
from superapp.accounts.errors import PhoneInvalid
from superapp.accounts.models import User
from superapp.core import limits
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests
from superapp.core.links import LinkEnded
from superapp.media.errors import NotReady

Data = dict[str, Any]

# --- people and contacts ----------------------------------------------------------------------------------------------


class PeopleByHandle(Endpoint):
    class Get(Operation):
        """The person with exactly this handle."""

        query, output = people_shapes.HandleQuery, ProfileOutput
        errors = (NotFound, TooManyRequests)

    def get(self, request: ApiRequest, data: Data) -> User:
        limits.take(action="messaging.find_person.user", subject=str(request.user_id))
        return people.found_by_handle(viewer_id=request.user_id, handle=data["handle"])


class Person(Endpoint):
    class Get(Operation):
        """What somebody shows of themselves."""

        output = ProfileOutput
        errors = (NotFound, TooManyRequests)

    def get(self, request: ApiRequest, user_id: int) -> User:
        limits.take(action="messaging.see_person.user", subject=str(request.user_id))
        return accounts.visible_user(user_id, viewer_id=request.user_id)


class Friends(Endpoint):
    class Get(Operation):
        """My friends, the newest first."""

        query, output, page = people_shapes.FriendsQuery, people_shapes.FriendOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[Friendship]:
        rows = selectors.friends_of(request.user_id, tag_id=data.pop("tag_id", None))
        page = paginate(rows, request, order=("-created_at", "-friend_id"), **data)
        selectors.show_people(page.results, user="friend_id")
        selectors.show_tags(page.results)
        return page


class Friend(Endpoint):
    class Get(Operation):
        """One of my friends."""

        output = people_shapes.FriendOutput
        errors = (NotFound,)

    class Patch(Operation):
        """Give a friend a name of my own, or put them under tags of mine."""

        input, output = people_shapes.FriendInput, people_shapes.FriendOutput
        errors = (NotFound, TooManyRequests)

    class Delete(Operation):
        """End the friendship, on both sides. The history stays."""

        errors = (NotFound,)

    def get(self, request: ApiRequest, user_id: int) -> Friendship:
        return _with_person(selectors.friendship(actor_id=request.user_id, friend_id=user_id))

    def patch(self, request: ApiRequest, data: Data, user_id: int) -> Friendship:
        limits.take(action="messaging.change_contacts.user", subject=str(request.user_id))
        return _with_person(services.change_friend(actor_id=request.user_id, friend_id=user_id, **data))

    def delete(self, request: ApiRequest, user_id: int) -> None:
        services.remove_friend(actor_id=request.user_id, friend_id=user_id)


class FriendRequests(Endpoint):
    class Get(Operation):
        """Requests to me, or mine to others, the newest first."""

        query, output, page = people_shapes.DirectionQuery, people_shapes.FriendRequestOutput, True

    class Post(Operation):
        """Ask somebody to be friends. Asking again is the same request, asking back accepts."""

        input, output = people_shapes.FriendRequestInput, people_shapes.FriendRequestOutput
        errors = (
            NotFound,
            ThatIsYou,
            AlreadyFriends,
            YouBlockedThem,
            TakesNoRequests,
            PhoneInvalid,
            LinkEnded,
            TooManyRequests,
        )

    def get(self, request: ApiRequest, data: Data) -> Page[FriendRequest]:
        rows = selectors.friend_requests(actor_id=request.user_id, direction=data.pop("direction"))
        page = paginate(rows, request, order=("-created_at", "-id"), **data)
        selectors.show_people(page.results, sender="sender_id", recipient="recipient_id")
        selectors.hide_refusals(page.results, viewer_id=request.user_id)
        return page

    def post(self, request: ApiRequest, data: Data) -> Shown:
        return Shown(friend_request_frame(services.ask_to_be_friends(sender_id=request.user_id, **data)))


class AcceptFriendRequest(Endpoint):
    class Post(Operation):
        """Become friends."""

        output = people_shapes.FriendOutput
        errors = (NotFound, RequestAnswered, RequestExpired)

    def post(self, request: ApiRequest, request_id: int) -> Friendship:
        return _with_person(services.accept_friend_request(actor_id=request.user_id, request_id=request_id))


class DeclineFriendRequest(Endpoint):
    class Post(Operation):
        """Say no. The sender is not told."""

        errors = (NotFound, RequestAnswered)

    def post(self, request: ApiRequest, request_id: int) -> None:
        services.decline_friend_request(actor_id=request.user_id, request_id=request_id)


class Blocks(Endpoint):
    class Get(Operation):
        """Whom I have blocked."""

        output, page = people_shapes.BlockOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[Block]:
        page = paginate(selectors.blocks_of(request.user_id), request, order=("-created_at", "-blocked_id"), **data)
        selectors.show_people(page.results, user="blocked_id")
        return page


class BlockDetail(Endpoint):
    class Put(Operation):
        """Take nothing direct from somebody any more."""

        errors = (NotFound, ThatIsYou)

    class Delete(Operation):
        """Take their messages again. What was refused meanwhile stays refused."""

    def put(self, request: ApiRequest, user_id: int) -> None:
        services.block(actor_id=request.user_id, user_id=user_id)

    def delete(self, request: ApiRequest, user_id: int) -> None:
        services.unblock(actor_id=request.user_id, user_id=user_id)


class MyPreferences(Endpoint):
    class Get(Operation):
        """What I chose for my chats."""

        output = people_shapes.PreferencesOutput

    class Patch(Operation):
        """Choose otherwise."""

        input, output = people_shapes.PreferencesInput, people_shapes.PreferencesOutput
        errors = (TooManyRequests,)

    def get(self, request: ApiRequest) -> Preferences:
        return selectors.preferences_of(request.user_id)

    def patch(self, request: ApiRequest, data: Data) -> Preferences:
        return services.change_preferences(actor_id=request.user_id, **data)


def _with_person(friendship: Friendship) -> Friendship:
    selectors.show_people([friendship], user="friend_id")
    selectors.show_tags([friendship])
    return friendship


# --- conversations ----------------------------------------------------------------------------------------------------


class DirectConversation(Endpoint):
    class Post(Operation):
        """My conversation with a friend, opened when there is none."""

        input, output = shapes.DirectInput, shapes.ConversationOutput
        errors = (NotFriends, ThatIsYou, NotFound)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        conversation_id = services.open_direct_conversation(actor_id=request.user_id, **data)
        return _conversation(request, conversation_id)


class Groups(Endpoint):
    class Post(Operation):
        """Open a group with friends."""

        input, output, status, idempotent = shapes.GroupInput, shapes.ConversationOutput, 201, True
        errors = (NotFriends, GroupTooLarge, NotFound, TooManyRequests)

    def post(self, request: ApiRequest, data: Data) -> Shown:
        created = services.create_group(creator_id=request.user_id, client_id=request.idempotency_key, **data)
        return _conversation(request, created.conversation_id, is_replay=getattr(created, "is_replay", False))


class ConversationDetail(Endpoint):
    class Get(Operation):
        """One of my conversations."""

        output = shapes.ConversationOutput
        errors = (NotFound,)

    def get(self, request: ApiRequest, conversation_id: int) -> Shown:
        return _conversation(request, conversation_id)


class Members(Endpoint):
    class Get(Operation):
        """Who is in a conversation."""

        output, page = shapes.MemberOutput, True
        errors = (NotFound,)

    class Post(Operation):
        """Bring friends into a group. In a large one they are invited, and where it is so they wait for consent."""

        input, output = group_shapes.AddInput, group_shapes.AddedOutput
        errors = (NotFound, ConversationClosed, AdminsOnly, NotFriends, GroupTooLarge, TooManyRequests)

    def post(self, request: ApiRequest, data: Data, conversation_id: int) -> Added:
        return services.add_members(actor_id=request.user_id, conversation_id=conversation_id, **data)

    def get(self, request: ApiRequest, data: Data, conversation_id: int) -> Page[Membership]:
        rows = selectors.members_of(actor_id=request.user_id, conversation_id=conversation_id)
        page = paginate(rows, request, order=("joined_at", "user_id"), **data)
        selectors.show_people(page.results, user="user_id")
        if page.previous is None:
            return replace(page, results=[*selectors.personas_in(conversation_id), *page.results])
        return page


def _conversation(request: ApiRequest, conversation_id: int, *, is_replay: bool = False) -> Shown:
    frame = selectors.conversation_frame(actor_id=request.user_id, conversation_id=conversation_id)
    return Shown(frame, is_replay=is_replay)


# --- messages ---------------------------------------------------------------------------------------------------------


class Messages(Endpoint):
    class Get(Operation):
        """A stretch of a conversation's log, in order: the newest page, or what lies after or before a seq."""

        query, output, page = shapes.HistoryQuery, shapes.ListedMessageOutput, True
        errors = (NotFound,)

    class Post(Operation):
        """Send a message. The key is the message's client_id; a retry gets the same message."""

        input, output, status, idempotent = shapes.SendInput, shapes.MessageOutput, 201, True
        errors = (
            NotFound,
            Blocked,
            NotFriends,
            Silenced,
            ConversationClosed,
            MayNotCallAll,
            TooLong,
            WrongKind,
            NotForThis,
            Recalled,
            NotReady,
            TooManyRequests,
        )

    def get(self, request: ApiRequest, data: Data, conversation_id: int) -> Page[Any]:
        limit = data["limit"]
        found = selectors.messages(
            actor_id=request.user_id,
            conversation_id=conversation_id,
            after=data.get("after"),
            before=data.get("before"),
            limit=limit,
        )

        def link(**place: int) -> str:
            return f"{request.path}?{urlencode({**place, 'limit': limit})}"

        rows = found.rows
        frames = selectors.message_frames(actor_id=request.user_id, rows=rows, window=found.window)
        return Page(
            results=[Shown(frame) for frame in frames],
            next=link(after=rows[-1].seq) if rows and found.has_newer else None,
            previous=link(before=rows[0].seq) if rows and found.has_older else None,
        )

    def post(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        message = services.send_message(
            sender_id=request.user_id, conversation_id=conversation_id, client_id=request.idempotency_key, **data
        )
        return Shown(message_frame(message), is_replay=getattr(message, "is_replay", False))


class Read(Endpoint):
    class Post(Operation):
        """Move my read mark forward; never back, never beyond the last message."""

        input, output = shapes.ReadInput, shapes.ReadMarkOutput
        errors = (NotFound,)

    def post(self, request: ApiRequest, data: Data, conversation_id: int) -> ReadMark:
        return services.mark_read(actor_id=request.user_id, conversation_id=conversation_id, **data)


class Typing(Endpoint):
    class Post(Operation):
        """Tell the others that I am writing."""

        errors = (NotFound, Blocked, NotFriends, Silenced, ConversationClosed)

    def post(self, request: ApiRequest, conversation_id: int) -> None:
        services.show_typing(actor_id=request.user_id, conversation_id=conversation_id)


class Sync(Endpoint):
    class Get(Operation):
        """What changed since the cursor; without one, every conversation. docs/realtime.md says how to use it."""

        query, output = shapes.SyncQuery, shapes.SyncOutput

    def get(self, request: ApiRequest, data: Data) -> Shown:
        return Shown(selectors.sync(user_id=request.user_id, **data))
