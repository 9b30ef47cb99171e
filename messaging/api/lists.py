"""The list of conversations, how each stands in it, and who has read."""

from typing import Any

from messaging import lists, selectors, services
from messaging.api import serializers as shapes
from messaging.errors import GroupTooLargeForReaders, ReadMarksNotShared, TooManyPinned
from superapp.accounts import selectors as accounts
from superapp.accounts.api.serializers import ProfileOutput
from superapp.accounts.models import User
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound

Data = dict[str, Any]


class Conversations(Endpoint):
    class Get(Operation):
        """My conversations but for the hidden ones: the pinned first, then the one in which something was said last."""

        query, output, page = shapes.ConversationsQuery, shapes.ConversationOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[Any]:
        rows = lists.conversations_of(request.user_id, only=data.pop("only"))
        page = paginate(rows, request, order=lists.ORDER, **data)
        frames = selectors.conversation_frames(
            actor_id=request.user_id, conversation_ids=[mine.conversation_id for mine in page.results]
        )
        return Page(results=[Shown(frame) for frame in frames], next=page.next, previous=page.previous)


class Mine(Endpoint):
    class Patch(Operation):
        """How I want it shown: muted, pinned, hidden, marked unread."""

        input, output = shapes.MineInput, shapes.MineOutput
        errors = (NotFound, TooManyPinned)

    def patch(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        services.change_mine(actor_id=request.user_id, conversation_id=conversation_id, **data)
        frame = selectors.conversation_frame(actor_id=request.user_id, conversation_id=conversation_id)
        return Shown(frame["mine"])


class Readers(Endpoint):
    class Get(Operation):
        """Who has read a message, in a group of at most 50: those who share their read marks, if I share mine."""

        output, many = ProfileOutput, True
        errors = (NotFound, GroupTooLargeForReaders, ReadMarksNotShared)

    def get(self, request: ApiRequest, conversation_id: int, seq: int) -> list[User]:
        readers = lists.readers_of(actor_id=request.user_id, conversation_id=conversation_id, seq=seq)
        people = accounts.users(readers)
        return [people[user_id] for user_id in readers if user_id in people]
