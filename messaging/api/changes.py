"""One message, and what is done to it after it was sent."""

from typing import Any

from messaging import selectors, services
from messaging.api import serializers as shapes
from messaging.errors import (
    Blocked,
    ConversationClosed,
    EditExpired,
    MayNotCallAll,
    NotForThis,
    NotFriends,
    Recalled,
    RecallExpired,
    Silenced,
    TooLong,
    TooManyReactions,
)
from messaging.frames import message_frame
from messaging.models import MessageVersion, Reaction
from messaging.services.deletions import Cleared
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import Forbidden, NotFound, TooManyRequests

Data = dict[str, Any]
#: Where one may not say anything either.
MAY_NOT_SPEAK = (Blocked, NotFriends, Silenced, ConversationClosed)


class MessageDetail(Endpoint):
    class Get(Operation):
        """One row of the log."""

        output = shapes.ListedMessageOutput
        errors = (NotFound,)

    class Patch(Operation):
        """Say an own text otherwise, within 15 minutes. Everybody sees that it was edited, and can see what it said."""

        input, output = shapes.EditInput, shapes.MessageOutput
        errors = (
            NotFound,
            Forbidden,
            NotForThis,
            Recalled,
            EditExpired,
            MayNotCallAll,
            TooLong,
            TooManyRequests,
            *MAY_NOT_SPEAK,
        )

    class Delete(Operation):
        """Delete a message for myself, on all my devices. Everybody else keeps it."""

        errors = (NotFound,)

    def get(self, request: ApiRequest, **place: int) -> Shown:
        return Shown(selectors.message_frame_of(actor_id=request.user_id, **place))

    def patch(self, request: ApiRequest, data: Data, **place: Any) -> Shown:
        return Shown(message_frame(services.edit_message(actor_id=request.user_id, **place, **data)))

    def delete(self, request: ApiRequest, **place: int) -> None:
        services.delete_message(actor_id=request.user_id, **place)


class Recall(Endpoint):
    class Post(Operation):
        """Take a message back for everybody: my own within two minutes; in a group its owner any, and an administrator
        those of ordinary members, at any time."""

        output = shapes.MessageOutput
        errors = (NotFound, Forbidden, NotForThis, RecallExpired, TooManyRequests)

    def post(self, request: ApiRequest, **place: int) -> Shown:
        return Shown(message_frame(services.recall_message(actor_id=request.user_id, **place)))


class Reactions(Endpoint):
    class Get(Operation):
        """Who reacted to a message, and with what."""

        query, output, page = shapes.ReactionsQuery, shapes.ReactorOutput, True
        errors = (NotFound,)

    class Put(Operation):
        """React to a message, or take it back."""

        input, output = shapes.ReactInput, shapes.MessageOutput
        errors = (NotFound, NotForThis, Recalled, TooManyReactions, TooManyRequests, *MAY_NOT_SPEAK)

    def get(self, request: ApiRequest, data: Data, **place: int) -> Page[Reaction]:
        rows = selectors.reactions_to(actor_id=request.user_id, emoji=data.pop("emoji", None), **place)
        page = paginate(rows, request, order=("user_id", "emoji"), **data)
        selectors.show_people(page.results, user="user_id")
        return page

    def put(self, request: ApiRequest, data: Data, **place: Any) -> Shown:
        return Shown(message_frame(services.react(actor_id=request.user_id, **place, **data)))


class Versions(Endpoint):
    class Get(Operation):
        """What a text said before it was edited, as it was sent first."""

        output, page = shapes.VersionOutput, True
        errors = (NotFound,)

    def get(self, request: ApiRequest, data: Data, **place: int) -> Page[MessageVersion]:
        return paginate(selectors.versions_of(actor_id=request.user_id, **place), request, order=("version",), **data)


class Clear(Endpoint):
    class Post(Operation):
        """Clear the history up to a row, for myself, on all my devices."""

        input, output = shapes.ClearInput, shapes.ClearedOutput
        errors = (NotFound,)

    def post(self, request: ApiRequest, data: Data, conversation_id: int) -> Cleared:
        return services.clear_history(actor_id=request.user_id, conversation_id=conversation_id, **data)
