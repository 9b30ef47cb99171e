"""Production: everything that must not be guessed is required, and insecure values refuse to start."""

from django.core.exceptions import ImproperlyConfigured

from . import environment as env
from .base import *  # noqa: F403
from .base import MEDIA_S3_BUCKET, SECRET_KEY, STORAGES

env.required("ALLOWED_HOSTS")
# Behind a proxy everybody has the proxy's address: limits by address would count the whole world as one.
env.required("CLIENT_ADDRESS_HEADER")
PUBLIC_ORIGIN = env.required("PUBLIC_ORIGIN").rstrip("/")
SIGN_IN_CODE_PROVIDER = env.required("SIGN_IN_CODE_PROVIDER")
if not MEDIA_S3_BUCKET:
    MEDIA_ROOT = env.required("MEDIA_ROOT")
STATIC_ROOT = env.required("STATIC_ROOT")

if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY must be at least 50 random characters.")
if not PUBLIC_ORIGIN.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_ORIGIN must start with https://: tokens and codes travel over it.")
if SIGN_IN_CODE_PROVIDER == "superapp.accounts.code_providers.Terminal":
    raise ImproperlyConfigured(
        "SIGN_IN_CODE_PROVIDER is the local one, which prints codes. Name a provider that sends them."
    )
if SIGN_IN_CODE_PROVIDER.endswith(".SignedHttp"):
    if not env.required("SIGN_IN_CODE_URL").startswith("https://"):
        raise ImproperlyConfigured("SIGN_IN_CODE_URL must start with https://: codes travel over it.")
    if len(env.required("SIGN_IN_CODE_SECRET")) < 32:
        raise ImproperlyConfigured("SIGN_IN_CODE_SECRET must be at least 32 random characters.")
if SIGN_IN_CODE_PROVIDER.endswith(".TwilioVerify"):
    env.required("TWILIO_ACCOUNT_SID")
    env.required("TWILIO_AUTH_TOKEN")
    env.required("TWILIO_SERVICE_SID")

if len(env.required("PAYMENT_PIN_PEPPER")) < 32:
    raise ImproperlyConfigured("PAYMENT_PIN_PEPPER must be at least 32 random characters.")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
DEMO_DATA = False
API_DOCS = env.boolean("API_DOCS")
# Only where the operator says, and not where everybody looks first.
ADMIN_PATH = env.path("ADMIN_PATH")
if ADMIN_PATH in {"admin/", "backstage/"}:
    raise ImproperlyConfigured("ADMIN_PATH must be something that nobody guesses; leave it out to have no admin.")
# Browsers take cookies of these names only from this very host, over HTTPS.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": STORAGES["default"],
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
