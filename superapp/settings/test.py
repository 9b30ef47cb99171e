"""Tests: real Postgres, Redis and workers on addresses that tests/ puts into the environment."""

from .base import *  # noqa: F403
from .base import LOCAL_DIR

ALLOWED_HOSTS = ["*"]
API_STRICT_DECLARATIONS = True
SIGN_IN_CODE_PROVIDER = "superapp.accounts.code_providers.Terminal"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
MEDIA_ROOT = str(LOCAL_DIR / "test" / "media")
DEMO_DATA = True
LOG_FORMAT = "text"
