from django.urls import path

from payments.api import payment_views as payments
from payments.api import receive_code_views as receiving
from payments.api import red_packet_views as red_packets
from payments.api import request_views as requests
from payments.api import security_views as security
from payments.api import transfer_views as transfers
from payments.api import wallet_views as wallet

urlpatterns = [
    path("transfers/", transfers.Transfers.as_view()),
    path("money-requests/", requests.MoneyRequests.as_view()),
    path("money-requests/<id:money_request_id>/", requests.MoneyRequestDetail.as_view()),
    path("money-requests/<id:money_request_id>/pay/", requests.PayRequest.as_view()),
    path("money-requests/<id:money_request_id>/decline/", requests.DeclineRequest.as_view()),
    path("money-requests/<id:money_request_id>/cancel/", requests.CancelRequest.as_view()),
    path("splits/", requests.Splits.as_view()),
    path("splits/<id:split_id>/", requests.SplitDetail.as_view()),
    path("splits/<id:split_id>/pay/", requests.PayShare.as_view()),
    path("splits/<id:split_id>/close/", requests.CloseSplit.as_view()),
    path("splits/<id:split_id>/remind/", requests.RemindOfSplit.as_view()),
    path("transfers/instant/", receiving.InstantTransfers.as_view()),
    path("wallet/receive-code/", receiving.StandingCode.as_view()),
    path("wallet/receive-codes/", receiving.ReceiveCodes.as_view()),
    path("transfers/<id:transfer_id>/", transfers.TransferDetail.as_view()),
    path("transfers/<id:transfer_id>/accept/", transfers.AcceptTransfer.as_view()),
    path("transfers/<id:transfer_id>/cancel/", transfers.CancelTransfer.as_view()),
    path("transfers/<id:transfer_id>/decline/", transfers.DeclineTransfer.as_view()),
    path("wallet/", wallet.Wallets.as_view()),
    path("wallet/statement/", wallet.Statement.as_view()),
    path("wallet/statement.csv", wallet.StatementFile.as_view()),
    path("wallet/statement/<id:entry_id>/", wallet.Receipt.as_view()),
    path("wallet/summary/", wallet.StatementMonth.as_view()),
    path("wallet/security/", security.Security.as_view()),
    path("wallet/pin/", security.Pin.as_view()),
    path("wallet/pin/reset/", security.PinReset.as_view()),
    path("wallet/approvals/", security.Approvals.as_view()),
    path("wallet/freeze/", security.Freeze.as_view()),
    path("wallet/unfreeze/", security.Unfreeze.as_view()),
    path("red-packets/", red_packets.RedPackets.as_view()),
    path("red-packets/year/", red_packets.RedPacketYear.as_view()),
    path("red-packets/<id:packet_id>/", red_packets.RedPacketDetail.as_view()),
    path("red-packets/<id:packet_id>/open/", red_packets.OpenRedPacket.as_view()),
    path("red-packets/<id:packet_id>/claims/", red_packets.RedPacketClaims.as_view()),
    path("payments/<id:payment_id>/", payments.Payment.as_view()),
]
