"""Models of what the usage tasks can tell, as of when, and what their lists have in common."""

from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from graph.permissions import needs_of
from identifiers import PortalId, SkuId
from usage.activity import day_of
from usage.model import USAGE_TASKS, ReportPeriod, UsageStatus, UsageTask
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from portals.model import Portal

TaskState = Literal["off", "not_run", "available", "unavailable", "concealed"]
ActivityState = Literal["active", "inactive", "unknown"]


def activity_state(inactive: bool | None) -> "ActivityState":
    """The word for what is known of a contact's activity."""
    if inactive is None:
        return "unknown"
    return "inactive" if inactive else "active"


class UsageQuery(PageQuery):
    """Filters of lists of contacts with their usage."""

    portal_id: Guid[PortalId] | None = None
    sku_id: Guid[SkuId] | None = Field(None, description="Only holders of this license.")
    inactive: bool | None = Field(
        None, description="Only contacts known to be inactive, or known not to be."
    )


class PortalPageQuery(PageQuery):
    """Paging of what there is a few of per portal."""

    portal_id: Guid[PortalId] | None = None


class TaskView(Contract):
    """A usage task of a portal; `permission` is what it needs, `lacks` what is missing."""

    task: UsageTask
    state: TaskState
    permission: str
    lacks: str | None


class ReportView(Contract):
    """A report that the last usage run read."""

    report: str
    refreshed_on: date


class UsageStatusView(Contract):
    """What a portal's usage tasks can tell, as of the last run."""

    portal_id: str
    portal_name: str
    period: ReportPeriod
    inactive_days: int
    tasks: list[TaskView]
    names_concealed: bool
    remedy: str | None
    reports: list[ReportView]
    completed_at: Timestamp | None
    run_id: str | None

    @classmethod
    def of(cls, portal: "Portal", status: "UsageStatus | None", remedy: str) -> "UsageStatusView":
        """The view of a portal's status; `remedy` tells how names are shown."""
        concealed = status is not None and status.concealed
        return cls(
            portal_id=portal.portal_id,
            portal_name=portal.name,
            period=portal.report_period,
            inactive_days=portal.inactive_days,
            tasks=[_task_view(task, portal, status) for task in USAGE_TASKS],
            names_concealed=concealed,
            remedy=remedy if concealed else None,
            reports=[
                ReportView(report=report, refreshed_on=day)
                for report, text in sorted((status.refreshed_on if status else {}).items())
                if (day := day_of(text)) is not None
            ],
            completed_at=status.completed_at if status is not None else None,
            run_id=status.run_id if status is not None else None,
        )


def _task_view(task: "UsageTask", portal: "Portal", status: "UsageStatus | None") -> "TaskView":
    lacks = status.unavailable.get(task) if status is not None else None
    state: TaskState = "not_run"
    if task not in portal.tasks:
        state = "off"
    elif lacks is not None:
        state = "unavailable"
    elif status is not None and task in status.tasks:
        state = "available"
    elif status is not None and status.concealed and task in ("roster", "access"):
        state = "concealed"
    return TaskView(task=task, state=state, permission=needs_of([task])[0].permission, lacks=lacks)
