"""Request and response models of the monitor."""

from typing import TYPE_CHECKING

from identifiers import PortalId, RunId
from monitor.health import CheckState
from monitor.run import Run, State, Task, Trigger
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence


class RunsQuery(PageQuery):
    """Filters of the list of runs."""

    task: Task | None = None
    portal_id: Guid[PortalId] | None = None
    state: State | None = None
    parent_run_id: Guid[RunId] | None = None


class RunErrorView(Contract):
    """Why a run failed."""

    code: str
    message: str
    remedy: str
    microsoft_code: str | None
    microsoft_message: str | None
    request_id: str | None


class LogLineView(Contract):
    """One line of a run's log."""

    at: Timestamp
    level: str
    text: str


class RunView(Contract):
    """A run, as listed."""

    run_id: str
    task: Task
    trigger: Trigger
    state: State
    portal_id: str | None
    portal_name: str | None
    parent_run_id: str | None
    child_count: int
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    attempts: int
    requested_by: str | None
    counts: dict[str, int]
    error: RunErrorView | None

    @classmethod
    def of(cls, run: "Run") -> "RunView":
        """The view of a run."""
        return cls.model_validate(run)


class RunDetails(RunView):
    """A run with its log and the runs it asked for."""

    log: list[LogLineView]
    children: list[RunView]

    @classmethod
    def with_children(cls, run: "Run", children: "Sequence[Run]") -> "RunDetails":
        """The view of a run and its children."""
        return cls(
            **RunView.of(run).model_dump(by_alias=False),
            log=[LogLineView.model_validate(line) for line in run.log],
            children=[RunView.of(child) for child in children],
        )


class CheckView(Contract):
    """One thing that was looked at; a warning does not make the app unready."""

    name: str
    state: CheckState
    detail: str
    milliseconds: int


class ReadinessView(Contract):
    """What the app needs, and whether it is there."""

    checks: list[CheckView]
