"""One position over all portals of a repository, and persons found in several of them."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from simulator.control import Control
from simulator.products import BY_PART_NUMBER
from tests.e2e.admin import SECRET, Admin, connected, portal_body

E3, VISIO = BY_PART_NUMBER["SPE_E3"].sku_id, BY_PART_NUMBER["VISIOCLIENT"].sku_id


def new_repository() -> str:
    """A repository that no other test fills."""
    return f"r-{uuid.uuid4().hex[:12]}"


class Group:
    """Two tenants, and a third portal that connects the first tenant again.

    North has Ada (E3, Visio), Bo (E3), a room (Visio); South has Ada as a guest
    (E3), Bo's namesake with another address (E3), Cy (none).
    """

    def __init__(self, admin: Admin, cloud: Control) -> None:
        self.repository = new_repository()
        self.admin, self.cloud = admin, cloud
        skus = [
            {"part_number": "SPE_E3", "enabled": 5},
            {"part_number": "VISIOCLIENT", "enabled": 1},
        ]
        self.north = connected(admin, cloud, users=0, skus=skus)
        self.south = connected(admin, cloud, users=0, skus=skus[:1])
        self.again = self._connect_again()
        self.ada = self.user(self.north, "ada@north.example", ["SPE_E3", "VISIOCLIENT"])
        self.user(self.north, "bo@north.example", ["SPE_E3"])
        self.user(self.north, None, ["VISIOCLIENT"])
        self.user(self.south, "ADA@North.example", ["SPE_E3"], user_type="Guest")
        self.user(self.south, "bo@south.example", ["SPE_E3"])
        self.user(self.south, "cy@south.example", [])
        self.ids = [str(p["portalId"]) for p in (self.north, self.south, self.again)]

    def _connect_again(self) -> Any:
        client_id = str(uuid.uuid4())
        self.cloud.register(self.north["tenantId"], client_id, secret=SECRET)
        body = portal_body(self.north["tenantId"], client_id)
        return self.admin.call("POST", "/portals", body, status=201)

    def user(self, portal: Any, mail: str | None, skus: list[str], **values: Any) -> str:
        """A new user of the portal's tenant."""
        created = self.cloud.call(
            "user", tenant_id=portal["tenantId"], skus=skus, values={"mail": mail, **values}
        )
        return str(created["user_id"])

    def fill(self) -> None:
        """Imports all portals into the repository, and recalculates them."""
        for portal_id in self.ids:
            run = self.admin.run(
                "POST", f"/portals/{portal_id}/import", {"repository": self.repository}
            )
            assert run["state"] == "Succeeded"
        assert self.admin.recalculate(*self.ids)["state"] == "Succeeded"

    def consolidate(self) -> Any:
        """Consolidates the repository to the end."""
        run = self.admin.run("POST", "/consolidated", {"repository": self.repository})
        assert run["state"] == "Succeeded", run
        return run

    def rows(self, name: str) -> list[Any]:
        """A consolidated list."""
        return self.admin.all(f"/consolidated/{name}?repository={self.repository}&top=2")


@pytest.fixture(scope="module")
def group(admin: Admin, cloud: Control) -> Group:
    """The portals, consolidated."""
    group = Group(admin, cloud)
    group.fill()
    run = group.consolidate()
    assert run["counts"] == {
        "portals": 3,
        "contacts": 9,
        "persons": 5,
        "matched": 3,
        "shared_addresses": 0,
    }
    return group


def test_a_sku_has_one_position_over_all_tenants_each_counted_once(group: Group):
    found = {row["skuId"]: row for row in group.rows("licenses")}
    fields = ("entitled", "consumed", "available", "shortfall", "spare", "persons", "portals")
    assert {sku: tuple(row[f] for f in fields) for sku, row in found.items()} == {
        # two tenants of five units; Ada holds one in each
        E3: (10, 4, 6, 0, 6, 3, 2),
        VISIO: (1, 2, -1, 1, 0, 2, 1),
    }
    assert found[E3]["statuses"] == {"over_licensed": 2}
    products = {row["title"]: row for row in group.rows("products")}
    assert {row["persons"] for row in products.values()} == {3, 2}
    e3 = products[found[E3]["title"]]
    assert e3["skuIds"] == [E3]
    assert len(e3["directories"]) == 3


def test_persons_are_matched_by_mail_across_tenants_and_by_object_within_one(group: Group):
    people = group.rows("contacts")
    by_mail = {
        frozenset((c["mail"] or "").lower() for c in person["contacts"]): person
        for person in people
    }
    ada = by_mail[frozenset({"ada@north.example"})]
    assert [c["kind"] for c in ada["contacts"]].count("guest") == 1
    assert len(ada["contacts"]) == 3
    assert {c["portalId"] for c in ada["contacts"]} == set(group.ids)
    # of the same object in two portals of one tenant
    bo = by_mail[frozenset({"bo@north.example"})]
    assert {c["portalId"] for c in bo["contacts"]} == {group.ids[0], group.ids[2]}
    assert frozenset({"bo@south.example"}) not in by_mail
    assert len(people) == 3


def test_a_repository_keeps_its_data_apart(admin: Admin, cloud: Control, group: Group):
    other = Group(admin, cloud)
    other.fill()
    other.consolidate()
    names = {row["name"]: row for row in admin.all("/consolidated/repositories")}
    assert len(names[group.repository]["portals"]) == 3
    assert names[other.repository]["matched"] == names[group.repository]["matched"]
    assert {p["portalId"] for row in other.rows("contacts") for p in row["contacts"]} == set(
        other.ids
    )
    assert group.rows("contacts") != other.rows("contacts")
    assert admin.get(f"/portals/{other.ids[0]}")["repository"] == other.repository
    unknown = admin.call("POST", "/consolidated", {"repository": "nobody-s"}, status=404)
    assert unknown["remedy"]
    assert admin.all("/consolidated/licenses?repository=nobody-s") == []
    bad = admin.call("POST", "/consolidated", {"repository": "No/Such"}, status=400)
    assert bad["field"] == "repository"


def test_a_portal_may_have_its_repository_consolidated_after_each_import(
    admin: Admin, cloud: Control
):
    repository = new_repository()
    portal = connected(admin, cloud, users=3, skus=[{"part_number": "SPE_E3", "enabled": 5}])
    assert (portal["repository"], portal["consolidateAfterImport"]) == ("default", False)
    path = f"/portals/{portal['portalId']}"
    changed = admin.call(
        "PATCH", path, {"repository": repository, "consolidateAfterImport": True}, status=200
    )
    assert (changed["repository"], changed["consolidateAfterImport"]) == (repository, True)
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    row = first(admin, f"/consolidated/licenses?repository={repository}")
    # the import brought no recalculation; consolidating did
    assert (row["entitled"], row["consumed"], row["persons"]) == (5, 3, 3)


def test_the_timer_consolidates_every_repository(admin: Admin, cloud: Control):
    repository = new_repository()
    portal = connected(admin, cloud, users=2, skus=[{"part_number": "SPE_E3", "enabled": 5}])
    admin.call("PATCH", f"/portals/{portal['portalId']}", {"repository": repository}, status=200)
    admin.recalculate(portal["portalId"])
    assert admin.all(f"/consolidated/licenses?repository={repository}") == []
    admin.fire("ConsolidateAll")
    assert first(admin, f"/consolidated/licenses?repository={repository}")["consumed"] == 2
    # a repository that nobody fills any more goes at the next one
    admin.call("PATCH", f"/portals/{portal['portalId']}", {"repository": "default"}, status=200)
    admin.fire("ConsolidateAll")
    deadline = time.monotonic() + 60
    while admin.all(f"/consolidated/licenses?repository={repository}"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def first(admin: Admin, path: str) -> Any:
    """The first row of a list, once there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = admin.all(path)
        if rows:
            return rows[0]
        time.sleep(0.2)
    raise AssertionError(f"nothing at {path}")
