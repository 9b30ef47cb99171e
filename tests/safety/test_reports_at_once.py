"""The same reported and decided by several at the same time, in threads that really commit."""

from functools import partial

import pytest

from superapp.accounts.models import User
from superapp.core.errors import Conflict
from superapp.core.models import AuditEntry
from superapp.safety import services
from superapp.safety.models import Report
from tests.accounts.staffers import staff
from tests.messaging.threads import at_once
from tests.realtime.people import person

pytestmark = pytest.mark.usefixtures("committed_db")


def test_reported_ten_times_at_once_it_is_one_report() -> None:
    ada, eve = person("Ada"), person("Eve")
    work = partial(
        services.report, reporter_id=ada.user_id, subject=("user", eve.id), reason="spam", snapshot={"comment": ""}
    )
    ids = at_once([work] * 10)
    assert len(set(ids)) == 1
    assert list(Report.objects.filter(reporter_id=ada.user_id).values_list("id", flat=True)) == ids[:1]


def test_decided_by_several_at_once_it_is_decided_once() -> None:
    eve, moderators = person("Eve"), [staff("moderator", with_second_factor=False) for _ in range(4)]
    ids = [
        services.report(reporter_id=person("Ada").user_id, subject=("user", eve.id), reason="spam", snapshot={})
        for _ in range(4)
    ]
    answers = at_once(
        [
            partial(services.resolve, report_id=report_id, actor_id=moderator.id, action="ban", reason="at once")
            for report_id, moderator in zip(ids, moderators, strict=True)
        ]
    )
    assert sorted(map(str, map(type, answers))) == sorted(map(str, [int, Conflict, Conflict, Conflict]))
    assert User.objects.get(id=eve.user_id).banned_at is not None
    assert set(Report.objects.filter(id__in=ids).values_list("state", flat=True)) == {"resolved"}
    assert AuditEntry.objects.filter(action="safety.report_resolved", reason="at once").count() == len(ids)
