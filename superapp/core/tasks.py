from celery import shared_task
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from superapp.core import retention


@shared_task
def forget_old() -> None:
    retention.forget_delivered()
    retention.delete_in_batches(Session, Q(expire_date__lt=timezone.now()))
