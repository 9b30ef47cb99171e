"""One machine, one developer: what `make run` starts. The running instance leaves its addresses in .local/run/env."""

from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).resolve().parents[2] / ".local" / "run" / "env", override=False)

from . import environment as env  # noqa: E402
from .base import *  # noqa: E402, F403
from .base import SIGN_IN_CODE_PROVIDER as _provider  # noqa: E402

DEBUG = env.boolean("DEBUG")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.words("ALLOWED_HOSTS")]
SIGN_IN_CODE_PROVIDER = _provider or "superapp.accounts.code_providers.Terminal"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
LOG_FORMAT = env.optional("LOG_FORMAT", "text")
# Demo people exist here and nowhere else: `manage.py seed` refuses where this is not set.
DEMO_DATA = True
# Forty people's thumbnails would push the card of the first `make run` off the screen.
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = 10
