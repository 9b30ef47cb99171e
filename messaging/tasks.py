from celery import shared_task

from messaging import services


@shared_task
def forget_old_notices() -> None:
    services.forget_old_notices()
