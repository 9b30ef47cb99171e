from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from payments import services


@shared_task
def forget_old_security() -> None:
    services.forget_old_security()


@shared_task
def expire_adjustments() -> None:
    services.expire_adjustments()


@shared_task
def count_volumes() -> None:
    services.count_volumes()


@shared_task
def recount_yesterday() -> None:
    services.recount_volumes(day=timezone.now().date() - timedelta(days=1))
