"""Request and response models of the import routes."""

from typing import TYPE_CHECKING

from pydantic import Field

from consolidation.names import RepositoryName
from identifiers import PortalId
from web.contract import Contract, Guid

if TYPE_CHECKING:
    from monitor.run import Run


class ImportRequest(Contract):
    """Options of one portal's import."""

    clean: bool = Field(
        False,
        description="Build the portal's imported data anew, once the tenant has answered in full.",
    )
    repository: RepositoryName | None = Field(
        None, description="The named inventory that this import and later ones fill."
    )


class ImportsRequest(ImportRequest):
    """Which portals to import; all enabled ones if absent."""

    portal_ids: list[Guid[PortalId]] | None = Field(None, min_length=1, max_length=10_000)


class RunStarted(Contract):
    """A run that has been queued; `location` tells how it goes on."""

    run_id: str
    state: str
    location: str

    @classmethod
    def of(cls, run: "Run") -> "RunStarted":
        """The answer for a queued run."""
        return cls(run_id=run.run_id, state=run.state, location=f"/api/runs/{run.run_id}")
