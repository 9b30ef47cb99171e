from django.utils.translation import gettext_lazy as _

from superapp.core.errors import DomainError


class UnknownCommand(DomainError):
    code, status, message = "unknown_command", 400, _("The socket does not know this command.")


class TicketInvalid(DomainError):
    code, status, message = "ticket_invalid", 401, _("This ticket is not valid. Please take a new one.")


class TooManyTopics(DomainError):
    code, status, message = "too_many_topics", 422, _("This socket has subscribed to too many topics.")
