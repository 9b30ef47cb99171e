from celery import shared_task

from payments import services


@shared_task
def forget_old_security() -> None:
    services.forget_old_security()


@shared_task
def expire_adjustments() -> None:
    services.expire_adjustments()
