from django.utils.translation import gettext_lazy as _

# Also said of invitations to groups: one code, one sentence.
from superapp.accounts.errors import InvitationEnded as InvitationEnded
from superapp.core.errors import DomainError


class NotFriends(DomainError):
    code, status, message = "not_friends", 403, _("You are not friends yet. Send a friend request first.")


class Blocked(DomainError):
    code, status, message = "blocked", 403, _("This person does not take messages from you.")


class YouBlockedThem(DomainError):
    code, status, message = "you_blocked_them", 422, _("You have blocked this person. Unblock them first.")


class AlreadyFriends(DomainError):
    code, status, message = "already_friends", 409, _("You are friends already.")


class RequestAnswered(DomainError):
    code, status, message = "request_answered", 409, _("This request has been answered already.")


class RequestExpired(DomainError):
    code, status, message = "request_expired", 410, _("This request was not answered in time.")


class TakesNoRequests(DomainError):
    """``addable_by`` says how else: ``card``, with their QR code or contact card, or ``nobody``."""

    code, status, message = "takes_no_requests", 403, _("This person does not take friend requests like this one.")


class TagNameTaken(DomainError):
    code, status, message = "tag_name_taken", 409, _("You have a tag of this name already.")


class TooManyTags(DomainError):
    """``most`` is how many there may be."""

    code, status, message = "too_many_tags", 422, _("You cannot have more tags.")


class ThatIsYou(DomainError):
    code, status, message = "that_is_you", 422, _("That is you.")


class TooLong(DomainError):
    code, status, message = "too_long", 422, _("This message is too long.")


class GroupTooLarge(DomainError):
    code, status, message = "group_too_large", 422, _("This group would be too large.")


class TooManyPinned(DomainError):
    """``most`` is how many there may be."""

    code, status, message = "too_many_pinned", 422, _("You cannot keep more conversations on top.")


class ReadMarksNotShared(DomainError):
    code, status, message = "read_marks_not_shared", 403, _("Share how far you have read to see it of others.")


class GroupTooLargeForReaders(DomainError):
    """``most`` is how many members the group may have."""

    code, status, message = "group_too_large_for_readers", 422, _("Only small groups show who has read.")


class ConversationClosed(DomainError):
    code, status, message = "conversation_closed", 409, _("This conversation has ended.")


class Silenced(DomainError):
    code, status, message = "silenced", 403, _("You may not write here at the moment.")


class WrongKind(DomainError):
    """``kind`` says what the upload is."""

    code, status, message = "wrong_kind", 422, _("This file is of another kind.")


class NotForThis(DomainError):
    """A row that nobody wrote, or of a kind with which this cannot be done."""

    code, status, message = "not_for_this", 422, _("This cannot be done with such a message.")


class Recalled(DomainError):
    code, status, message = "recalled", 409, _("This message was recalled.")


class RecallExpired(DomainError):
    code, status, message = "recall_expired", 422, _("It is too late to take this message back.")


class EditExpired(DomainError):
    code, status, message = "edit_expired", 422, _("It is too late to change this message.")


class TooManyReactions(DomainError):
    code, status, message = "too_many_reactions", 422, _("This message has as many different reactions as it can.")


class MayNotCallAll(DomainError):
    code, status, message = "may_not_call_all", 403, _("Only the owner and administrators may call everybody here.")


class AdminsOnly(DomainError):
    code, status, message = "admins_only", 403, _("Only the owner and the administrators of this group may do this.")


class OwnerOnly(DomainError):
    code, status, message = "owner_only", 403, _("Only the owner of this group may do this.")


class OwnerMustStay(DomainError):
    code, status, message = "owner_must_stay", 409, _("Hand the group over to somebody else first.")
