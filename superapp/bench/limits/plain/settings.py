"""Minimal settings: the same database connections as the product's, and nothing that a view does not need."""

from superapp.settings import environment as env

SECRET_KEY = env.required("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "superapp.bench.limits.plain.views"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "superapp.bench.limits.plain"]
MIDDLEWARE: list[str] = []
DATABASES = {"default": env.database(env.required("DATABASE_URL"), name="DATABASE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
AUTH_USER_MODEL = "plain.User"
TERMS_VERSION = 1
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
