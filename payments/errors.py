"""What this room refuses."""

from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError

# --- Red packets ------------------------------------------------------------------------------------------------------


class PartTooSmall(DomainError):
    """``least``: what is in each part at least, as money."""

    code, status, message = "part_too_small", 422, _("There is not enough money in this red packet for all its parts.")


class PartTooLarge(DomainError):
    """``most``: what may be in each part at most, as money."""

    code, status, message = "part_too_large", 422, _("There is too much money in this red packet.")


class TooManyParts(DomainError):
    """``most``: how many there may be here."""

    code, status, message = "too_many_parts", 422, _("A red packet cannot have so many parts here.")


class WrongConversation(DomainError):
    code, status, message = "wrong_conversation", 422, _("Such a red packet cannot be sent here.")


class OwnRedPacket(DomainError):
    code, status, message = "own_red_packet", 422, _("This red packet is for somebody else.")
