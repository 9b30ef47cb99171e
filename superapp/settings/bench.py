"""Benches: as in production, on the addresses of the bench's stand, without the limits that load would meet."""

from datetime import timedelta

from .base import *  # noqa: F403
from .base import INSTALLED_APPS as _APPS
from .base import LOCAL_DIR

INSTALLED_APPS = [*_APPS, "superapp.bench"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
SIGN_IN_CODE_PROVIDER = "superapp.accounts.code_providers.Terminal"
MEDIA_ROOT = str(LOCAL_DIR / "bench" / "media")
DEMO_DATA = False
# They are asked as always, and always say yes.
LIMITS_OVERRIDES = dict.fromkeys(
    (
        "messaging.send.user",
        "messaging.send.conversation",
        "payments.open_red_packet.user",
        "payments.send_red_packet.user",
        "realtime.ticket.user",
    ),
    (1_000_000, 1.0),
)
# Nobody is asked for a PIN, however fast they pay.
WALLET_NEW_DEVICE_FOR = timedelta(0)
WALLET_PIN_FREE_PER_DAY = WALLET_PACE = 1_000_000_000
REALTIME_FRAME_BURST = 1_000_000_000
REALTIME_FRAMES_PER_SECOND = 1_000_000_000.0
# A machine that is busy with a bench is late now and then, which is no outage.
REDIS_TIMEOUT_SECONDS = 1.0
