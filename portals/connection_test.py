"""Tests a connection step by step, and says of each what passed, failed, and helps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Literal, get_args

from errors import CredentialError, GraphError, GraphUnreachable, LedgerError
from graph.errors import permission_remedy
from graph.permissions import GraphTask, PermissionNeed, needs_of
from portals.model import StepState, TestStep
from usage.model import USAGE_TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graph.client import GraphClient
    from identifiers import ClientId, TenantId
    from portals.certificates import Material
    from portals.entered import PortalInput
    from portals.model import Cloud, Portal

OpenGraph = Callable[["Cloud", "TenantId", "ClientId", "Material"], "GraphClient"]
Check = Literal["credential", "token", "organization", "licenses", "permissions"]
Tell = Callable[[tuple[TestStep, ...]], Awaitable[None]]
CHECKS: tuple[Check, ...] = get_args(Check)
TOTAL_SECONDS = 90


def tasks_of(portal: Portal | PortalInput) -> list[GraphTask]:
    """What the portal's application is to do in the tenant."""
    reclaiming: list[GraphTask] = ["reclamation"] if portal.reclamation_allowed else []
    return ["import", *reclaiming, *(task for task in USAGE_TASKS if task in portal.tasks)]


class ConnectionSteps:
    """The steps of one test, in order; after one that all others need, the rest is skipped.

    `tell` hears of all steps so far whenever a check is done and others follow.
    """

    def __init__(self, tell: Tell | None = None) -> None:
        self.steps: list[TestStep] = []
        self._tell = tell

    async def told(self) -> None:
        """Tells how far the test is."""
        if self._tell is not None:
            await self._tell(tuple(self.steps))

    @property
    def passed(self) -> bool:
        """Whether no step failed."""
        return all(step.state != "failed" for step in self.steps)

    def add(self, name: str, state: StepState, message: str, remedy: str | None = None) -> None:
        """Notes a step."""
        self.steps.append(TestStep(name, state, message, remedy=remedy))

    def failed(self, name: str, error: LedgerError) -> None:
        """Notes a step that failed with an error."""
        graph = error if isinstance(error, GraphError) else None
        self.steps.append(
            TestStep(
                name,
                "failed",
                error.message,
                code=error.code,
                remedy=error.remedy,
                microsoft_code=graph.microsoft_code if graph else None,
                microsoft_message=graph.microsoft_message if graph else None,
                request_id=graph.request_id if graph else None,
            )
        )

    def skip(self, names: Sequence[str]) -> None:
        """Notes steps that could not be tried."""
        for name in names:
            self.add(name, "skipped", "Not tried, since an earlier step failed.")


async def test_connection(
    open_graph: OpenGraph,
    cloud: Cloud,
    tenant_id: TenantId,
    client_id: ClientId,
    read_material: Callable[[], Awaitable[Material]],
    tasks: Collection[GraphTask],
    checks: Collection[Check],
    tell: Tell | None,
) -> ConnectionSteps:
    """Tries credential, token, organization, licenses, and each permission that `tasks` need.

    With fewer `checks` it tells of those alone, and of what they need if that
    fails. Never raises for what the other side does: that is what the steps tell.
    """
    steps = ConnectionSteps(tell)
    needs = needs_of(tasks)
    following = ["token", "organization", "licenses", *(_step_name(need) for need in needs)]
    try:
        material = await read_material()
        client = open_graph(cloud, tenant_id, client_id, material)
    except (CredentialError, GraphError) as error:
        steps.failed("credential", error)
        steps.skip(following)
        return steps
    try:
        async with client as graph, asyncio.timeout(TOTAL_SECONDS):
            if "credential" in checks:
                steps.add("credential", "passed", "The credential was read.")
                await steps.told()
            if set(checks) != {"credential"}:
                await _try_graph(steps, graph, tenant_id, needs, checks)
    except TimeoutError:
        steps.failed(
            "time",
            GraphUnreachable(
                f"The test did not end within {TOTAL_SECONDS} seconds.",
                remedy="Check the network between the app and the cloud, then test again.",
            ),
        )
    return steps


async def _try_graph(
    steps: ConnectionSteps,
    graph: GraphClient,
    tenant_id: TenantId,
    needs: list[PermissionNeed],
    checks: Collection[Check],
) -> None:
    try:
        roles = await graph.roles()
    except (GraphError, CredentialError) as error:
        steps.failed("token", error)
        steps.skip(["organization", "licenses", *(_step_name(need) for need in needs)])
        return
    if "token" in checks:
        steps.add("token", "passed", f"Entra ID issued a token with {len(roles)} permissions.")
        await steps.told()
    if "organization" in checks:
        await _try_organization(steps, graph, tenant_id)
        await steps.told()
    if "licenses" in checks:
        await _try_licenses(steps, graph)
        await steps.told()
    if "permissions" in checks:
        for need in needs:
            _judge(steps, need, roles, delegated=graph.delegated)


async def _try_organization(
    steps: ConnectionSteps, graph: GraphClient, tenant_id: TenantId
) -> None:
    # the app answers most requests without ever asking Graph
    from graph.organization import organization

    try:
        found = await organization(graph)
    except (GraphError, CredentialError) as error:
        steps.failed("organization", error)
        return
    if found is None or found.id.casefold() != tenant_id:
        steps.failed(
            "organization",
            GraphError(
                "Graph answers for another tenant than the portal's.",
                remedy="Correct the portal's tenant ID.",
            ),
        )
    else:
        steps.add("organization", "passed", f"The tenant is {found.display_name or found.id}.")


async def _try_licenses(steps: ConnectionSteps, graph: GraphClient) -> None:
    from graph.subscribed_skus import subscribed_skus

    try:
        skus = await subscribed_skus(graph)
    except (GraphError, CredentialError) as error:
        steps.failed("licenses", error)
        return
    example = f", such as {skus[0].part_number}" if skus else ""
    steps.add("licenses", "passed", f"The tenant has {len(skus)} licenses{example}.")


def _judge(
    steps: ConnectionSteps, need: PermissionNeed, roles: frozenset[str], *, delegated: bool
) -> None:
    name = _step_name(need)
    granted = need.granted_by(roles)
    if granted == need.permission:
        steps.add(name, "passed", f"{need.permission} is granted, {need.purpose}.")
    elif granted is not None:
        steps.add(name, "passed", f"{granted} is granted and includes it, {need.purpose}.")
    else:
        remedy = permission_remedy(need.permission, delegated=delegated)
        missing = f"Permission {need.permission} is missing."
        if need.optional:
            steps.add(name, "warning", f"{missing} It serves {need.purpose}.", remedy)
        else:
            steps.steps.append(
                TestStep(name, "failed", missing, code="permission_missing", remedy=remedy)
            )


def _step_name(need: PermissionNeed) -> str:
    return f"permission:{need.permission}"
