"""The Celery application. Tasks carry ids, do one service call, are idempotent and end within a minute."""

import os
from typing import Any

from celery import Celery, signals
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")

app = Celery("superapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@signals.setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Connected, so that Celery does not set up logging of its own."""
