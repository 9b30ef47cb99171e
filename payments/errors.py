"""What this room refuses."""

from django.utils.translation import gettext_lazy as _

# Also said of requests for money: one code, one sentence.
from messaging.errors import RequestExpired as RequestExpired
from payments.ledger.errors import AccountClosed as AccountClosed
from payments.ledger.errors import AccountFrozen as AccountFrozen
from payments.ledger.errors import BalanceTooHigh as BalanceTooHigh
from payments.ledger.errors import CaptureTooHigh as CaptureTooHigh
from payments.ledger.errors import CurrencyMismatch as CurrencyMismatch
from payments.ledger.errors import HoldEnded as HoldEnded
from payments.ledger.errors import HoldTooLow as HoldTooLow
from payments.ledger.errors import InsufficientFunds as InsufficientFunds
from payments.ledger.errors import InvalidAmount as InvalidAmount
from payments.ledger.errors import SameAccount as SameAccount
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
    code, status, message = "wrong_conversation", 422, _("This cannot be sent in this conversation.")


class OwnRedPacket(DomainError):
    code, status, message = "own_red_packet", 422, _("This red packet is for somebody else.")


# --- The wallet's security --------------------------------------------------------------------------------------------


class PinNotSet(DomainError):
    code, status, message = "pin_not_set", 403, _("Please choose a payment PIN first.")


class PinAlreadySet(DomainError):
    code, status, message = "pin_already_set", 409, _("There is a payment PIN already. Change it with the old one.")


class PinTooSimple(DomainError):
    code, status, message = "pin_too_simple", 422, _("This PIN would be guessed. Please choose another one.")


class PinWrong(DomainError):
    """``attempts_left``: before it is locked."""

    code, status, message = "pin_wrong", 403, _("This PIN is not right.")


class PinLocked(DomainError):
    """``locked_until``: until then the right one is refused as well."""

    code, status, message = "pin_locked", 429, _("There were too many wrong PINs. Please wait.")


class PinResetNotReady(DomainError):
    """``ready_at``: from then on."""

    code, status, message = "pin_reset_not_ready", 409, _("A new PIN can be chosen when the waiting time is over.")


class ProofRequired(DomainError):
    code, status, message = "proof_required", 403, _("Please show that it is you: by your password or a code.")


class WalletFrozen(DomainError):
    code, status, message = "wallet_frozen", 403, _("This wallet is frozen.")


class LimitExceeded(DomainError):
    """``which``: payment, day or year; ``left``: what still may be paid, as money."""

    code, status, message = "limit_exceeded", 422, _("This is more than you may pay.")


class ApprovalRequired(DomainError):
    """``kind``, ``payee`` and ``amount`` are what to ask an approval for; ``reasons`` say why."""

    code, status, message = "approval_required", 403, _("Please enter your payment PIN.")


class ApprovalInvalid(DomainError):
    code, status, message = "approval_invalid", 403, _("Please enter your payment PIN again.")


# --- from one person to another ---------------------------------------------------------------------------------------


class TransferEnded(DomainError):
    """``state`` says how."""

    code, status, message = "transfer_ended", 409, _("This transfer is no longer waiting.")


class RequestEnded(DomainError):
    """``state`` says how."""

    code, status, message = "request_ended", 409, _("This request for money is no longer waiting.")


class NotMembers(DomainError):
    """``user_ids``: who does not belong to the group; none: nobody but oneself was named."""

    code, status, message = "not_members", 422, _("A bill is split with other members of the group.")


class SplitTooSmall(DomainError):
    code, status, message = "split_too_small", 422, _("This is too little to be split among so many.")


class SharesUneven(DomainError):
    """``missing``: how much the shares are below the total, as money; below zero where they are above it."""

    code, status, message = "shares_uneven", 422, _("The shares do not add up to the total.")


class SharePaid(DomainError):
    code, status, message = "share_paid", 409, _("You have paid your share already.")


class SplitEnded(DomainError):
    """``state`` says how."""

    code, status, message = "split_ended", 409, _("Nothing more is asked for this bill.")


class RemindedAlready(DomainError):
    """``most`` times, and so many ``hours`` apart."""

    code, status, message = "reminded_already", 422, _("They have been reminded already.")


class AmountFixed(DomainError):
    """``amount``: what the code asks for."""

    code, status, message = "amount_fixed", 422, _("This code asks for another amount.")


class TransferExpired(DomainError):
    code, status, message = "transfer_expired", 410, _("This transfer was not accepted in time and went back.")


# --- Payments to products ---------------------------------------------------------------------------------------------


class EscrowTooLow(DomainError):
    """``left`` is what is in escrow for this."""

    code, status, message = "escrow_too_low", 422, _("This is more than was paid for it and is still there.")


class RefundTooHigh(DomainError):
    """``left`` is what can still be given back."""

    code, status, message = "refund_too_high", 422, _("This is more than what is left of the payment.")


class TooManyRefunds(DomainError):
    """``most`` is how many there may be."""

    code, status, message = "too_many_refunds", 422, _("This payment cannot be refunded in more parts.")


class PayeeShort(DomainError):
    """Nothing moved. Asking again succeeds once they have taken in enough."""

    code, status, message = "payee_short", 422, _("Whoever was paid does not have this money any more.")


# --- Corrections by staff ---------------------------------------------------------------------------------------------


class OwnWallet(DomainError):
    code, status, message = "own_wallet", 403, _("Nobody does this to their own wallet.")


class SecondPersonNeeded(DomainError):
    code, status, message = "second_person_needed", 403, _("Somebody else has to approve what you proposed.")


class AdjustmentDecided(DomainError):
    code, status, message = "adjustment_decided", 409, _("This correction has been decided already.")


class AdjustmentExpired(DomainError):
    code, status, message = "adjustment_expired", 410, _("Nobody approved this correction in time. Propose it anew.")


# --- Statements -------------------------------------------------------------------------------------------------------


class StatementTooLong(DomainError):
    """``lines``: how many there are in that time; ``most``: how many fit into a file."""

    code, status = "statement_too_long", 422
    message = _("This is too much for one file. Choose a shorter time, such as a month or a quarter.")
