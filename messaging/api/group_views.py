"""Groups over REST. What is not a group, or not one of mine, is not there."""

from typing import Any

from messaging import selectors, services
from messaging.api import group_serializers as group_shapes
from messaging.api import serializers as shapes
from messaging.errors import AdminsOnly, ConversationClosed, OwnerMustStay, OwnerOnly, ThatIsYou
from superapp.core.api import Endpoint, Operation, Shown
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests

Data = dict[str, Any]
ANYBODY = (NotFound, ConversationClosed, TooManyRequests)
ADMINS = (*ANYBODY, AdminsOnly)
OWNER = (*ANYBODY, OwnerOnly)
OVER_OTHERS = (*ADMINS, OwnerOnly, ThatIsYou)


class GroupSettings(Endpoint):
    class Patch(Operation):
        """Rename the group or change how it works: the owner and administrators."""

        input, output, errors = group_shapes.GroupChangeInput, shapes.ConversationOutput, ADMINS

    def patch(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        services.change_group(actor_id=request.user_id, conversation_id=conversation_id, **data)
        return _conversation(request, conversation_id)


class Notice(Endpoint):
    class Put(Operation):
        """What everybody should know: the owner and administrators. It calls for everybody."""

        input, output, errors = group_shapes.NoticeInput, shapes.ConversationOutput, ADMINS

    def put(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        services.change_notice(actor_id=request.user_id, conversation_id=conversation_id, **data)
        return _conversation(request, conversation_id)


class Alias(Endpoint):
    class Put(Operation):
        """What I am called in this group."""

        input, output, errors = group_shapes.AliasInput, shapes.ConversationOutput, ANYBODY

    def put(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        services.change_alias(actor_id=request.user_id, conversation_id=conversation_id, **data)
        return _conversation(request, conversation_id)


class GroupMember(Endpoint):
    class Delete(Operation):
        """Remove somebody: the owner anybody, administrators members."""

        errors = OVER_OTHERS

    def delete(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.remove_member(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)


class Silence(Endpoint):
    class Put(Operation):
        """Let somebody not speak until then: the owner anybody, administrators members."""

        input, errors = group_shapes.SilenceInput, OVER_OTHERS

    class Delete(Operation):
        """Let them speak again."""

        errors = OVER_OTHERS

    def put(self, request: ApiRequest, data: Data, conversation_id: int, user_id: int) -> None:
        services.silence_member(
            actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id, until=data["until"]
        )

    def delete(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.silence_member(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id, until=None)


class Admin(Endpoint):
    class Put(Operation):
        """Make a member an administrator: the owner."""

        errors = OWNER

    class Delete(Operation):
        """Make an administrator a member as everybody: the owner."""

        errors = OWNER

    def put(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.appoint_admin(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)

    def delete(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.dismiss_admin(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)


class Owner(Endpoint):
    class Put(Operation):
        """Hand the group over to another member: the owner, who stays as a member."""

        input, output, errors = group_shapes.OwnerInput, shapes.ConversationOutput, (*OWNER, ThatIsYou)

    def put(self, request: ApiRequest, data: Data, conversation_id: int) -> Shown:
        services.transfer_group(actor_id=request.user_id, conversation_id=conversation_id, **data)
        return _conversation(request, conversation_id)


class Leave(Endpoint):
    class Post(Operation):
        """Go. What I could read until then stays mine. The last one disbands the group by it."""

        errors = (*ANYBODY, OwnerMustStay)

    def post(self, request: ApiRequest, conversation_id: int) -> None:
        services.leave_group(actor_id=request.user_id, conversation_id=conversation_id)


class Disband(Endpoint):
    class Post(Operation):
        """End the group: the owner. Everybody keeps its history."""

        errors = (NotFound, OwnerOnly, TooManyRequests)

    def post(self, request: ApiRequest, conversation_id: int) -> None:
        services.disband_group(actor_id=request.user_id, conversation_id=conversation_id)


def _conversation(request: ApiRequest, conversation_id: int) -> Shown:
    return Shown(selectors.conversation_frame(actor_id=request.user_id, conversation_id=conversation_id))
