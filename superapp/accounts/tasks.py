from datetime import timedelta

from celery import shared_task

from superapp.accounts import selectors, services


@shared_task
def forget_expired() -> None:
    services.forget_expired()


@shared_task
def make_export(export_id: int) -> None:
    # In a task of its own: each ends within a minute, however much there is.
    if services.make_export(export_id=export_id):
        make_export.delay(export_id)


@shared_task
def resume_exports() -> None:
    """Queues again what a broker lost or a worker did not finish."""
    for export_id in selectors.exports_left_behind(overdue=timedelta(minutes=1), limit=100):
        make_export.delay(export_id)
