from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from superapp.core import retention
from superapp.core.models import Link


@shared_task
def forget_old() -> None:
    retention.forget_delivered()
    retention.delete_in_batches(Link, Q(expires_at__lt=timezone.now() - settings.LINKS_KEPT_FOR))
    retention.delete_in_batches(Session, Q(expire_date__lt=timezone.now()))
