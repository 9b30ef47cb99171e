"""Groups over REST. What is not a group, or not one of mine, is not there."""

from typing import Any

from messaging import group_lists, selectors, services
from messaging.api import group_serializers as group_shapes
from messaging.api import serializers as shapes
from messaging.errors import (
    AdminsOnly,
    ConversationClosed,
    GroupTooLarge,
    OwnerMustStay,
    OwnerOnly,
    RequestAnswered,
    ThatIsYou,
)
from messaging.models import GroupInvitation, GroupLink, JoinRequest
from messaging.services.joining import Coming
from superapp.accounts.errors import InvitationEnded
from superapp.core import links
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.errors import NotFound, TooManyRequests, Unavailable
from superapp.core.links import LinkEnded

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


# --- coming -----------------------------------------------------------------------------------------------------------


class GroupInvitations(Endpoint):
    class Get(Operation):
        """Invitations to me that can still be accepted, the newest first."""

        output, page = group_shapes.GroupInvitationOutput, True

    def get(self, request: ApiRequest, data: Data) -> Page[GroupInvitation]:
        rows = group_lists.invitations_to(request.user_id)
        page = paginate(rows, request, order=("-created_at", "-conversation_id"), **data)
        selectors.show_people(page.results, inviter="inviter_id")
        return page


class AcceptGroupInvitation(Endpoint):
    class Post(Operation):
        """Join, or wait where a plain member invited and joining needs consent."""

        output = group_shapes.ComingOutput
        errors = (NotFound, InvitationEnded, RequestAnswered, GroupTooLarge, TooManyRequests)

    def post(self, request: ApiRequest, conversation_id: int) -> Coming:
        return services.accept_invitation(actor_id=request.user_id, conversation_id=conversation_id)


class DeclineGroupInvitation(Endpoint):
    class Post(Operation):
        """Say no. Nobody is told."""

        errors = (NotFound, RequestAnswered)

    def post(self, request: ApiRequest, conversation_id: int) -> None:
        services.decline_invitation(actor_id=request.user_id, conversation_id=conversation_id)


class SentInvitations(Endpoint):
    class Get(Operation):
        """Invitations to the group that wait for an answer: all for who runs it, their own for members."""

        output, page = group_shapes.SentInvitationOutput, True
        errors = (NotFound,)

    def get(self, request: ApiRequest, data: Data, conversation_id: int) -> Page[GroupInvitation]:
        rows = group_lists.invitations_of_group(actor_id=request.user_id, conversation_id=conversation_id)
        page = paginate(rows, request, order=("-created_at", "-invitee_id"), **data)
        selectors.show_people(page.results, invitee="invitee_id", inviter="inviter_id")
        return page


class SentInvitation(Endpoint):
    class Delete(Operation):
        """Take an invitation back: whoever made it, the owner and administrators."""

        errors = (NotFound, ConversationClosed, RequestAnswered)

    def delete(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.revoke_invitation(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)


class Links(Endpoint):
    class Get(Operation):
        """Links to the group that still work: all for who runs it, their own for members. What they are is not said."""

        output, page = group_shapes.GroupLinkOutput, True
        errors = (NotFound,)

    class Post(Operation):
        """My link to the group, and its QR code: the same for a week or until it is revoked."""

        output = group_shapes.IssuedGroupLinkOutput
        errors = (*ADMINS, Unavailable)

    def get(self, request: ApiRequest, data: Data, conversation_id: int) -> Page[GroupLink]:
        rows = group_lists.links_of_group(actor_id=request.user_id, conversation_id=conversation_id)
        page = paginate(rows, request, order=("-created_at", "-id"), **data)
        selectors.show_people(page.results, issuer="issuer_id")
        return page

    def post(self, request: ApiRequest, conversation_id: int) -> Shown:
        issued = services.group_link(actor_id=request.user_id, conversation_id=conversation_id)
        selectors.show_people([issued.link], issuer="issuer_id")
        shown = group_shapes.GroupLinkOutput(issued.link).data
        return Shown({**shown, "url": issued.url, "svg": links.svg(issued.url)})


class Link(Endpoint):
    class Delete(Operation):
        """End a link at once: whoever made it, the owner and administrators."""

        errors = (NotFound, ConversationClosed)

    def delete(self, request: ApiRequest, conversation_id: int, link_id: int) -> None:
        services.revoke_link(actor_id=request.user_id, conversation_id=conversation_id, link_id=link_id)


class GroupJoins(Endpoint):
    class Post(Operation):
        """Join a group with a link that I scanned, or wait where joining needs consent."""

        input, output = group_shapes.JoinInput, group_shapes.ComingOutput
        errors = (NotFound, LinkEnded, GroupTooLarge, TooManyRequests)

    def post(self, request: ApiRequest, data: Data) -> Coming:
        return services.join_by_link(actor_id=request.user_id, **data)


class JoinRequests(Endpoint):
    class Get(Operation):
        """Who waits to be let in, for the owner and administrators."""

        output, page = group_shapes.JoinRequestOutput, True
        errors = (NotFound, AdminsOnly)

    def get(self, request: ApiRequest, data: Data, conversation_id: int) -> Page[JoinRequest]:
        rows = group_lists.requests_to_join(actor_id=request.user_id, conversation_id=conversation_id)
        page = paginate(rows, request, order=("-created_at", "-user_id"), **data)
        selectors.show_people(page.results, user="user_id", inviter="inviter_id")
        return page


class ApproveJoinRequest(Endpoint):
    class Post(Operation):
        """Let somebody in who waits."""

        errors = (NotFound, ConversationClosed, AdminsOnly, RequestAnswered, GroupTooLarge)

    def post(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.approve_request(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)


class DeclineJoinRequest(Endpoint):
    class Post(Operation):
        """Leave somebody out. They are not told."""

        errors = (NotFound, ConversationClosed, AdminsOnly, RequestAnswered)

    def post(self, request: ApiRequest, conversation_id: int, user_id: int) -> None:
        services.decline_request(actor_id=request.user_id, conversation_id=conversation_id, user_id=user_id)


def _conversation(request: ApiRequest, conversation_id: int) -> Shown:
    return Shown(selectors.conversation_frame(actor_id=request.user_id, conversation_id=conversation_id))
