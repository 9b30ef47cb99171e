"""Settings shared by every environment, grouped by room. Secrets have no default: without them nothing starts."""

from datetime import timedelta
from pathlib import Path

from csp import constants as csp

from . import environment as env
from .staff import STAFF_ACCESS as STAFF_ACCESS
from .staff import STAFF_ROLES as STAFF_ROLES

BASE_DIR = Path(__file__).resolve().parents[2]
LOCAL_DIR = BASE_DIR / ".local"

# --- Django ---------------------------------------------------------------------------------------------------------
SECRET_KEY = env.required("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS")
ROOT_URLCONF = "superapp.urls"
WSGI_APPLICATION = "superapp.wsgi.application"
ASGI_APPLICATION = "superapp.asgi.application"

INSTALLED_APPS = [
    # Before the apps whose templates it replaces.
    "superapp.accounts",
    # Not "unfold": that one would put its own site, which asks for no second factor, in place of ours.
    "unfold.apps.BasicAppConfig",
    "superapp.accounts.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "superapp.core",
    "superapp.media",
    "superapp.safety",
    "superapp.realtime",
    "messaging",
    "payments.ledger",
    "payments",
    "superapp.localdev",
]

MIDDLEWARE = [
    "superapp.core.middleware.RequestLog",
    "superapp.core.middleware.LanguageChoice",
    "superapp.core.middleware.ErrorBoundary",
    "superapp.core.middleware.MaintenanceBreak",
    "superapp.core.middleware.ContentPolicy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # For browsers; what programs call passes all of these by.
    "superapp.core.browsers.Sessions",
    "superapp.core.browsers.Forms",
    "superapp.core.browsers.Users",
    "superapp.core.browsers.Notes",
    "superapp.accounts.staff.middleware.StaffDoor",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# The application's role is not the owner of the schema: migrations run on the alias "owner".
DATABASES = {"default": env.database(env.required("DATABASE_URL"), name="DATABASE_URL")}
if _owner_url := env.optional("DATABASE_OWNER_URL"):
    DATABASES["owner"] = env.database(_owner_url, name="DATABASE_OWNER_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("zh-hans", "简体中文")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = env.optional("STATIC_ROOT", str(LOCAL_DIR / "static"))
APPEND_SLASH = False
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "superapp.core.middleware.csrf_failure"
# While this file exists, everybody gets 503; a sentence in it is shown to people.
MAINTENANCE_FILE = env.optional("MAINTENANCE_FILE", str(LOCAL_DIR / "maintenance"))
# Whoever sends it as a bearer token may read /metrics; without one only this machine may.
METRICS_TOKEN = env.optional("METRICS_TOKEN")
# Below this path is the admin; where it is empty, there is none and nobody can sign in with a browser.
ADMIN_PATH = env.path("ADMIN_PATH", default="backstage/")
# The API's documentation for whoever builds on it.
API_DOCS = env.boolean("API_DOCS", default=True)

# No inline script or style anywhere, except with the page's nonce.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF, csp.NONCE],
        "style-src": [csp.SELF, csp.NONCE],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "frame-src": [csp.SELF],
        "form-action": [csp.SELF],
        "base-uri": [csp.NONE],
        "frame-ancestors": [csp.NONE],
    }
}
# On top of that, below ADMIN_PATH: its theme compiles expressions in the browser (Alpine) and writes style attributes.
ADMIN_CONTENT_POLICY = {"script-src": [csp.UNSAFE_EVAL], "style-src": [csp.UNSAFE_INLINE]}

# --- Where the product is reached -----------------------------------------------------------------------------------
# The one origin of REST and sockets, as the clients write it. Signed links are made from it.
PUBLIC_ORIGIN = env.optional("PUBLIC_ORIGIN", "http://localhost:8000").rstrip("/")
# What the app answers to on a phone, before :// in links of its own.
APP_SCHEME = "superapp"
# The header in which the one trusted proxy puts the client's address; empty ("none"): nobody stands in front of us.
CLIENT_ADDRESS_HEADER = env.optional("CLIENT_ADDRESS_HEADER", "none").removeprefix("none")

# --- core -----------------------------------------------------------------------------------------------------------
REDIS_URL = env.required("REDIS_URL")
REDIS_TIMEOUT_SECONDS = 0.05
REDIS_PATIENT_TIMEOUT_SECONDS = 1.0
REDIS_CIRCUIT_OPEN_SECONDS = 2.0
# An id in JSON is a string of digits; a body larger or deeper than this is refused before anything reads it.
API_MAX_BODY_BYTES = 256 * 1024
API_MAX_DEPTH = 20
# What forms with files may have on top of that; purposes of media may take less.
API_MAX_UPLOAD_BYTES = 100 * 1024 * 1024
# On one origin: a body may stall this long, gains time with every byte, and an answer may be left unread this long.
HTTP_BODY_PATIENCE_SECONDS = 15.0
# And the head of a request has this long from its first byte, the first one of a connection from its beginning.
HTTP_HEAD_SECONDS = 10.0
HTTP_HEAD_BYTES = 64 * 1024
HTTP_BODY_BYTES_PER_SECOND = 8 * 1024
HTTP_ANSWER_STALLED_SECONDS = 30.0
API_PAGE_SIZE = 30
API_MAX_PAGE_SIZE = 100
# In tests an error that an operation did not declare is a failure instead of an answer.
API_STRICT_DECLARATIONS = False
# Volume limits of core/limits.py that are to differ here, as {"action": (capacity, per_seconds)}; load tests lift them.
LIMITS_OVERRIDES: dict[str, tuple[int, float]] = {}
OUTBOX_SHARDS = 4
# A link that has ended says so for as long; then nobody knows it any more.
LINKS_KEPT_FOR = timedelta(days=30)
OUTBOX_MAX_ATTEMPTS = 10
# Delivered rows stay so long, to tell what happened.
OUTBOX_KEPT_FOR = timedelta(days=7)
LEASE_TTL = timedelta(seconds=4)

# What columns of these names point to, where no foreign key says so (core/integrity.py).
REFERENCES_BY_NAME = {
    "accounts.User": [
        "user_id",
        "owner_id",
        "sender_id",
        "recipient_id",
        "friend_id",
        "blocked_id",
        "creator_id",
        "actor_id",
        "member_id",
        "inviter_id",
        "invitee_id",
        "issuer_id",
    ],
    "accounts.Organisation": ["organisation_id"],
    "messaging.Conversation": ["conversation_id"],
    "media.Asset": ["asset_id", "avatar_id"],
}

DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50
DATA_UPLOAD_MAX_NUMBER_FILES = 2

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["superapp.accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "superapp.core.api.schema.OperationSchema",
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "superapp.core.api.answers.rest_framework_answer",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Superapp",
    "DESCRIPTION": "One account, one inbox, one wallet. Sockets: docs/realtime.md and docs/asyncapi.yaml.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["superapp.core.api.schema.add_what_holds_everywhere"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
}

# --- media ----------------------------------------------------------------------------------------------------------
MEDIA_ROOT = env.optional("MEDIA_ROOT", str(LOCAL_DIR / "media"))
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# With a bucket, files live in an S3-compatible store; clients fetch them there, so its endpoint is a public address.
MEDIA_S3_BUCKET = env.optional("MEDIA_S3_BUCKET")
if MEDIA_S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "superapp.media.s3.PrivateBucket",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            "endpoint_url": env.optional("MEDIA_S3_ENDPOINT") or None,
            "region_name": env.optional("MEDIA_S3_REGION", "us-east-1"),
            "access_key": env.optional("MEDIA_S3_ACCESS_KEY") or None,
            "secret_key": env.optional("MEDIA_S3_SECRET_KEY") or None,
            "location": env.optional("MEDIA_S3_PREFIX"),
            "addressing": env.optional("MEDIA_S3_ADDRESSING", "auto"),
        },
    }
MEDIA_MAX_PIXELS = 25_000_000
MEDIA_VIDEO_MAX_PIXELS = 3840 * 2160
MEDIA_VIDEO_MAX_SIDE = 4096
MEDIA_URL_LIFETIME = timedelta(minutes=10)
# What one person may have uploaded and not used; what is left unused is deleted after a while.
MEDIA_MAX_UNUSED_BYTES = 300 * 1024 * 1024
MEDIA_UNUSED_KEPT_FOR = timedelta(days=1)
# What sound or film from a stranger may take of the machine while a clean copy is made of it.
MEDIA_WORK_CPU_SECONDS = 36
MEDIA_WORK_MEMORY_BYTES = 136 * 1024 * 1024
# Large files are on disk while they are read, under no name: Django's would depend on what a client calls its own.
FILE_UPLOAD_HANDLERS = ["superapp.core.bodies.OnDisk"]

# --- accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# A handle's uniqueness lives in its directory table, where it also holds across the shards of a distributed database.
# Forms are checked by a subclass of Django's middleware (core.browsers), which the check does not recognise.
SILENCED_SYSTEM_CHECKS = ["auth.E003", "auth.W004", "security.W003"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=30)
# Each refresh begins it anew, so it is for how long a device may stay away; after the second it signs in again anyway.
REFRESH_TOKEN_LIFETIME = timedelta(days=60)
DEVICE_SESSION_LIFETIME = timedelta(days=365)
# Longer than a session, so that a device is still known when it has to sign in again.
KNOWN_DEVICE_LIFETIME = timedelta(days=400)
KNOWN_DEVICES_PER_USER = 16
SIGN_IN_CODE_LIFETIME = timedelta(minutes=5)
SIGN_IN_CODE_MAX_ATTEMPTS = 5
# To the staff of an organisation.
INVITATION_LIFETIME = timedelta(days=7)
# From the proof of who it is to that of the new number; and for how long nobody else may have the old one.
PHONE_CHANGE_LIFETIME = timedelta(minutes=10)
PHONE_RESERVED_FOR = timedelta(days=30)
# How long signing in is proof enough for a first password.
FIRST_PASSWORD_WITHIN = timedelta(minutes=15)
PASSWORD_MAX_ATTEMPTS = 5
PASSWORD_LOCK = timedelta(minutes=15)
DEVICES_PER_USER = 8
# The terms that people agree to when they sign up. A higher number asks everybody again before they do what binds them.
TERMS_VERSION = env.integer("TERMS_VERSION", default=1)
# How many copies of one's data one may have made on a day, and for how long each can be fetched.
EXPORTS_PER_DAY = 2
EXPORT_KEPT_FOR = timedelta(days=7)
# For how long an account that was given up can be taken back, and how long the token works by which that is done.
ACCOUNT_KEPT_FOR = timedelta(days=30)
RETURN_TOKEN_LIFETIME = timedelta(minutes=15)
# The class that brings codes to phones (superapp.accounts.code_providers); the local one prints them.
SIGN_IN_CODE_PROVIDER = env.optional("SIGN_IN_CODE_PROVIDER")
# Codes a day (UTC) to numbers that begin so; "*": to each country of which nothing is said.
SIGN_IN_CODE_DAILY_CAPS = {"*": 2_000} | env.counts("SIGN_IN_CODE_DAILY_CAPS")
# Of code_providers.signed_http.SignedHttp: where it posts to, and the secret that signs (whsec_… or any long text).
SIGN_IN_CODE_URL = env.optional("SIGN_IN_CODE_URL")
SIGN_IN_CODE_SECRET = env.optional("SIGN_IN_CODE_SECRET")
# Of code_providers.twilio.TwilioVerify.
TWILIO_URL = "https://verify.twilio.com"
TWILIO_ACCOUNT_SID = env.optional("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = env.optional("TWILIO_AUTH_TOKEN")
TWILIO_SERVICE_SID = env.optional("TWILIO_SERVICE_SID")

# Staff sign in with a browser: a handle, a password, a second factor. Sessions are rows; this is for how long one may
# stay unused, and for how long it lives at most.
SESSION_COOKIE_AGE = 15 * 60
SESSION_LIFETIME = timedelta(hours=10)
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Where the sign-in pages are, and from where staff may come: any host and address where these are empty.
ACCOUNT_PATH = "account/"
ADMIN_HOSTS = env.words("ADMIN_HOSTS")
ADMIN_ADDRESSES = env.networks("ADMIN_ADDRESSES")
AUTHENTICATION_BACKENDS = ["superapp.accounts.staff.backend.StaffBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_ADAPTER = "superapp.accounts.staff.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {"login": "superapp.accounts.staff.forms.SignInForm"}
# Ours count in rows and in Redis, where every process sees them.
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "superapp.accounts.staff.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Clocks of phones are off by some seconds, and typing takes some.
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "superapp.accounts.staff.forms.SecondFactorForm",
    "reauthenticate": "superapp.accounts.staff.forms.SecondFactorAgainForm",
    "activate_totp": "superapp.accounts.staff.forms.SetUpForm",
}

UNFOLD = {
    "SITE_TITLE": "Superapp",
    "SITE_HEADER": "Superapp",
    "SITE_URL": None,
    "SITE_ICON": "superapp.accounts.staff.home.mark",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "superapp.accounts.staff.home.mark"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "superapp.accounts.staff.home.environment",
    "STYLES": ["superapp.accounts.staff.home.stylesheet"],
    "SIDEBAR": {"show_search": False, "navigation": "superapp.accounts.staff.home.navigation"},
    "ACCOUNT": {"navigation": "superapp.accounts.staff.home.account_links"},
    # The product's accent, as everywhere.
    "COLORS": {
        "primary": {
            "50": "#f3f4fe",
            "100": "#eceefd",
            "200": "#d5d9fb",
            "300": "#aab3ff",
            "400": "#8f99ff",
            "500": "#5a65e8",
            "600": "#4650d0",
            "700": "#3f49c4",
            "800": "#33399a",
            "900": "#262b4f",
            "950": "#181b38",
        }
    },
}

# --- realtime -------------------------------------------------------------------------------------------------------
# Pages of these origins may open a socket; native apps send no Origin and are fine without.
REALTIME_ORIGINS = env.words("REALTIME_ORIGINS", default=PUBLIC_ORIGIN)
REALTIME_SLOTS = 4096
REALTIME_THREADS = 8
REALTIME_TICKET_LIFETIME = timedelta(seconds=30)
REALTIME_AUTH_TIMEOUT_SECONDS = 5.0
REALTIME_MAX_FRAME_BYTES = 16 * 1024
REALTIME_QUEUE_FRAMES = 256
REALTIME_QUEUE_BYTES = 1024 * 1024
REALTIME_STALLED_SECONDS = 20.0
# After a time without Redis every socket of a process is told to look: so many in a second, within so many seconds.
REALTIME_RESYNCS_PER_SECOND = 100.0
REALTIME_RESYNC_SECONDS = 20.0
# How often it is looked up, for each socket, whether it listens to what it should.
REALTIME_REVIEW_SECONDS = 600.0
REALTIME_PING_SECONDS = 25
REALTIME_SILENCE_SECONDS = 70.0
# How often an open socket is shown as present, and its sign-in looked up in case the order to end it was lost.
REALTIME_PULSE_SECONDS = 20.0
DEVICE_SEEN_EVERY = timedelta(minutes=1)
REALTIME_COMMAND_TIMEOUT_SECONDS = 8.0
REALTIME_EXPIRY_WARNING_SECONDS = 60.0
# Frames a socket may send: a burst of the first number, refilled at the second per second, then 4429.
REALTIME_FRAME_BURST = 200
REALTIME_FRAMES_PER_SECOND = 50.0

# --- payments ---------------------------------------------------------------------------------------------------------
# Everybody has a wallet in each of these (ISO 4217). After adding one, migrate: it opens the accounts of the house.
WALLET_CURRENCIES = ["CNY", "EUR", "USD"]
# How often the loop ledger.check looks through what is new in the books, and through all of them.
LEDGER_CHECKED_EVERY = timedelta(days=1)
LEDGER_CHECKED_WHOLE_EVERY = timedelta(days=7)
# What one wallet may hold, in minor units.
WALLET_CEILING_MINOR = 1_000_000_000
# Mixed into every PIN before it is hashed. Only production has to be given one: see docs/operate.md.
PAYMENT_PIN_PEPPER = env.optional("PAYMENT_PIN_PEPPER", f"local-{SECRET_KEY}")
# So many wrong PINs lock it: for the first of these times, then for the next; the last one repeats.
PIN_MAX_FAILURES = 5
PIN_LOCKS = [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24)]
# A forgotten PIN: how long its owner, told on every device, can stop a reset, and how long it can then be completed.
PIN_RESET_WAIT = timedelta(hours=24)
PIN_RESET_OPEN_FOR = timedelta(days=7)
# From the PIN to the payment that it was shown for.
APPROVAL_LIFETIME = timedelta(minutes=5)
# What may be paid at once, on a day and in a year (UTC), in minor units.
WALLET_TIERS = {
    "basic": {
        "CNY": (500_000, 1_000_000, 20_000_000),
        "EUR": (60_000, 120_000, 2_500_000),
        "USD": (60_000, 120_000, 2_500_000),
    },
    "verified": {
        "CNY": (2_000_000, 5_000_000, 100_000_000),
        "EUR": (250_000, 600_000, 12_000_000),
        "USD": (250_000, 600_000, 12_000_000),
    },
    "full": {
        "CNY": (10_000_000, 20_000_000, 500_000_000),
        "EUR": (1_200_000, 2_500_000, 60_000_000),
        "USD": (1_200_000, 2_500_000, 60_000_000),
    },
}
# After a change of the phone number: for so long, no more than this at once and on a day, whatever the tier.
WALLET_LOWERED_FOR = timedelta(hours=24)
WALLET_LOWERED = {"CNY": (50_000, 100_000), "EUR": (6_000, 12_000), "USD": (6_000, 12_000)}
# The risk rules (payments/services/risk.py): beyond these the PIN is asked for.
WALLET_PIN_FREE_UP_TO = {"CNY": 20_000, "EUR": 3_000, "USD": 3_000}
WALLET_PIN_FREE_PER_DAY = 5
WALLET_PACE = 20
WALLET_NEW_DEVICE_FOR = timedelta(hours=24)
# What one of the staff may put right alone, at once and on a day (UTC), in minor units; beyond that a second approves,
# within this time.
ADJUSTMENT_ALONE = {"CNY": (20_000, 100_000), "EUR": (3_000, 15_000), "USD": (3_000, 15_000)}
ADJUSTMENT_WAITS = timedelta(days=3)

# --- Celery (every task is idempotent, carries ids and ends within a minute) ------------------------------------------
CELERY_BROKER_URL = env.optional("CELERY_BROKER_URL", REDIS_URL.replace("unix://", "redis+socket://", 1))
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "superapp.media.tasks.*": {"queue": "media"},
    "superapp.accounts.tasks.make_export": {"queue": "exports"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300, "socket_timeout": 10, "socket_connect_timeout": 2}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "core-forget-old": {"task": "superapp.core.tasks.forget_old", "schedule": 3600.0},
    "accounts-forget-expired": {"task": "superapp.accounts.tasks.forget_expired", "schedule": 3600.0},
    "accounts-resume-exports": {"task": "superapp.accounts.tasks.resume_exports", "schedule": 60.0},
    "payments-count-volumes": {"task": "payments.tasks.count_volumes", "schedule": 60.0},
    "payments-recount-yesterday": {"task": "payments.tasks.recount_yesterday", "schedule": 6 * 3600.0},
    "payments-expire-adjustments": {"task": "payments.tasks.expire_adjustments", "schedule": 3600.0},
    "messaging-forget-old-notices": {"task": "messaging.tasks.forget_old_notices", "schedule": 3600.0},
    "payments-forget-old-security": {"task": "payments.tasks.forget_old_security", "schedule": 3600.0},
    "realtime-forget-old": {"task": "superapp.realtime.tasks.forget_old", "schedule": 3600.0},
    "safety-forget-old": {"task": "superapp.safety.tasks.forget_old", "schedule": 3600.0},
    "media-delete-unused": {"task": "superapp.media.tasks.delete_unused", "schedule": 600.0},
    "media-resume-processing": {"task": "superapp.media.tasks.resume_processing", "schedule": 60.0},
}

# --- logs -----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.optional("LOG_LEVEL", "INFO")
LOG_FORMAT = env.optional("LOG_FORMAT", "json")
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10  # the line at a request's end says it all
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = 20
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOGGING_CONFIG = None  # superapp.core.logs.configure() does it, for every process alike
