"""One tenant of 30 users, worked out by hand: what is paid, wasted, doubled and oversized.

Prices a year and unit, and what becomes of the seats (the numbers are users):

Office 365 E5   600 EUR, 6 units: 1 2 3b 4i                        2 never assigned
Office 365 E3   300 EUR, 14 units: 5 6r 7r 8 9? 10b 11i 12r 13i 14 15 16 17t 18i
Office 365 E1   120 EUR, 10 units: 15d 16 19 20r 21 22i 23b        3 never assigned
Exchange P1      52 EUR, 4 units: 21d 24 25?                       1 never assigned
Power BI Pro    120 USD, 8 units: 2d 3b 26 27i                     4 never assigned
Visio P2    111 1/9 EUR, 3 units: 26 28b                           1 never assigned
Project P3      unpriced, 2 units: 27i                             1 never assigned
Power Automate  unmanaged: 5 29 30

b blocked, d duplicate, i inactive, ? activity unknown, r a cheaper license would do, t to be
tidied up. 3 holds a duplicate too, counted as blocked. 7, 12 and 20 use mail alone, 6 mail and
Teams, 8 mail and the apps. 9, 25 and 30 joined after the reports were made. 22 is known by a
sign-in alone. Of Power BI nothing is known, so whoever has E5 keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.control import IMPORT_PERMISSIONS, Control
from simulator.products import BY_PART_NUMBER
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body

E5, E3, E1, MAIL = "ENTERPRISEPREMIUM", "ENTERPRISEPACK", "STANDARDPACK", "EXCHANGESTANDARD"
BI, VISIO, PROJECT, FREE = "POWER_BI_PRO", "VISIOCLIENT", "PROJECTPROFESSIONAL", "FLOW_FREE"
UNITS = {E5: 6, E3: 14, E1: 10, MAIL: 4, BI: 8, VISIO: 3, PROJECT: 2, FREE: 10_000}
# days since something was used
RECENT, EDGE, PAST, LONG_AGO = 5, 90, 91, 200
PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "AuditLog.Read.All",
)
# E1 less what E3 does not have is contained in E3; Exchange P1 less Intune is in E1.
NOT_IN_E3 = {
    plan.plan_id
    for plan in BY_PART_NUMBER[E1].plans
    if plan.plan_id not in {p.plan_id for p in BY_PART_NUMBER[E3].plans}
}
NOT_IN_E1 = {
    plan.plan_id
    for plan in BY_PART_NUMBER[MAIL].plans
    if plan.plan_id not in {p.plan_id for p in BY_PART_NUMBER[E1].plans}
}


@dataclass(frozen=True)
class Person:
    """A user; `used` is days since the use of services, None for one who joined after the reports.

    `apps` are days since the use of the apps.
    """

    number: int
    skus: tuple[str, ...]
    used: dict[str, int] | None = field(default_factory=dict)
    apps: int | None = None
    signed_in: int | None = None
    blocked: bool = False
    new: bool = False
    off: frozenset[str] = frozenset()
    group: bool = False

    @property
    def department(self) -> str | None:
        """Sales for the first ten, Legal for the next, none for the rest."""
        return "Sales" if self.number <= 10 else "Legal" if self.number <= 20 else None


def use(days: int, *services: str) -> dict[str, int]:
    """The same day for some services."""
    return dict.fromkeys(services, days)


CHAT = use(RECENT, "exchange", "teams")
POST = use(RECENT, "exchange")
OLD = use(PAST, "exchange", "teams")
PEOPLE = [
    Person(1, (E5,), CHAT, RECENT),
    Person(2, (E5, BI), CHAT),
    Person(3, (E5, BI), OLD, blocked=True),
    Person(4, (E5,), OLD),
    Person(5, (E3, FREE), CHAT, RECENT),
    Person(6, (E3,), CHAT),
    Person(7, (E3,), POST),
    Person(8, (E3,), POST, RECENT),
    Person(9, (E3,), None),
    Person(10, (E3,), CHAT, RECENT, blocked=True),
    Person(11, (E3,), OLD),
    Person(12, (E3,), use(EDGE, "exchange")),
    Person(13, (E3,), {}),
    Person(14, (E3,), {}, new=True),
    Person(15, (E3, E1), CHAT, RECENT, off=frozenset(NOT_IN_E3)),
    Person(16, (E3, E1), CHAT, RECENT),
    Person(17, (E3,), CHAT, RECENT, group=True),
    Person(18, (), OLD, group=True),
    Person(19, (E1,), use(RECENT, "teams")),
    Person(20, (E1,), POST),
    Person(21, (E1, MAIL), CHAT, off=frozenset(NOT_IN_E1)),
    Person(22, (E1,), {}, signed_in=LONG_AGO),
    Person(23, (E1,), CHAT, blocked=True),
    Person(24, (MAIL,), POST),
    Person(25, (MAIL,), None),
    Person(26, (BI, VISIO), CHAT),
    Person(27, (BI, PROJECT), OLD),
    Person(28, (VISIO,), CHAT, blocked=True),
    Person(29, (FREE,), OLD),
    Person(30, (FREE,), None),
]
CONTRACTS: dict[str, dict[str, Any]] = {
    E5: {"amount": "300.00", "currency": "EUR", "frequency": "monthly"},
    E3: {"amount": "4200", "currency": "EUR", "frequency": "yearly"},
    E1: {"amount": "300", "currency": "EUR", "frequency": "quarterly"},
    MAIL: {"amount": "4", "currency": "EUR", "frequency": "weekly"},
    BI: {"amount": "480", "currency": "USD", "frequency": "half_yearly"},
    VISIO: {"amount": "1000", "currency": "EUR", "frequency": "three_yearly"},
}


class Scenario:
    """The portal, its SKUs by part number, and its people by number."""

    def __init__(self, admin: Admin, cloud: Control) -> None:
        skus = [{"part_number": part, "enabled": units} for part, units in UNITS.items()]
        self.cloud = cloud
        self.tenant_id, client_id = new_tenant(cloud, users=0, skus=skus)
        cloud.register(self.tenant_id, client_id, secret=SECRET, permissions=PERMISSIONS)
        body = portal_body(self.tenant_id, client_id, tasks=["access", "sign_ins"])
        portal = admin.call("POST", "/portals", body, status=201)
        self.portal_id = str(portal["portalId"])
        self.skus = {part: BY_PART_NUMBER[part].sku_id for part in UNITS}
        self.people: dict[str, int] = {}
        self.group = cloud.call("group", tenant_id=self.tenant_id, name="Staff", skus=[E3])[
            "group_id"
        ]
        for person in PEOPLE:
            if person.used is not None:
                self._create(person)
        admin.import_portal(self.portal_id)
        usage = admin.run("POST", f"/portals/{self.portal_id}/usage")
        assert usage["state"] == "Succeeded", usage
        for person in PEOPLE:
            if person.used is None:
                self._create(person)
        assert admin.import_portal(self.portal_id)["state"] == "Succeeded"
        for part, contract in CONTRACTS.items():
            self.put(admin, part, {**contract, "effectiveDate": "2026-01-01"})
        self.put(admin, FREE, {"managed": False})
        assert admin.recalculate(self.portal_id)["state"] == "Succeeded"

    def _call(self, action: str, **values: Any) -> Any:
        return self.cloud.call(action, tenant_id=self.tenant_id, **values)

    def _create(self, person: Person) -> None:
        now = datetime.now(UTC)
        signed_in = person.signed_in and moment(now - timedelta(days=person.signed_in))
        values = {
            "enabled": not person.blocked,
            "department": person.department,
            "country": "Germany",
            "created": moment(now - timedelta(days=10 if person.new else 700)),
            "display_name": f"Person {person.number}",
            "last_sign_in": signed_in,
        }
        user_id = str(self._call("user", skus=list(person.skus), values=values)["user_id"])
        self.people[user_id] = person.number
        if person.off:
            self._call(
                "assign",
                user_id=user_id,
                part_number=person.skus[-1],
                disabled_plans=sorted(person.off),
            )
        if person.group:
            self._call("membership", user_id=user_id, group_id=self.group, member=True)
        used: dict[str, Any] = {"services": person.used or {}}
        if person.apps is not None:
            used |= {"apps": ["Word"], "platforms": ["Windows"], "app_date": person.apps}
        self._call("usage", user_id=user_id, values=used)

    def put(self, admin: Admin, part: str, body: dict[str, Any]) -> Any:
        """Enters the contract of a license."""
        path = f"/licenses/{self.portal_id}/{self.skus[part]}/contract"
        return admin.call("PUT", path, body, status=200)

    def part(self, sku_id: str) -> str:
        """The part number of a SKU."""
        return next(part for part, known in self.skus.items() if known == sku_id)

    def found(self, rows: Sequence[Any], *fields: str) -> set[tuple[Any, ...]]:
        """Person, license and some fields of each row."""
        return {
            (self.people[row["userId"]], self.part(row["skuId"]), *(row[f] for f in fields))
            for row in rows
        }


def moment(time: datetime) -> str:
    """A time as Graph shows it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def scenario(admin: Admin, cloud: Control) -> Scenario:
    """The tenant, imported and recalculated, its usage read from the reports."""
    return Scenario(admin, cloud)


def cost(seats: int, annual: str | None) -> dict[str, Any]:
    """A cost as the API shows it."""
    return {"seats": seats, "annual": annual}


def test_every_license_shows_spend_unit_cost_and_waste_by_cause(admin: Admin, scenario: Scenario):
    rows = {
        row["skuPartNumber"]: row
        for row in admin.all(f"/spend?portalId={scenario.portal_id}&top=3")
    }
    assert set(rows) == set(UNITS) - {FREE}
    assert not any(row["stale"] for row in rows.values())
    money = {part: (r["currency"], r["annualSpend"], r["unitCost"]) for part, r in rows.items()}
    assert money == {
        E5: ("EUR", "3600.00", "600.00"),
        E3: ("EUR", "4200.00", "300.00"),
        E1: ("EUR", "1200.00", "120.00"),
        MAIL: ("EUR", "208.00", "52.00"),
        BI: ("USD", "960.00", "120.00"),
        VISIO: ("EUR", "333.33", "111.11"),
        PROJECT: (None, None, None),
    }
    causes = ("neverAssigned", "blocked", "duplicate", "inactive", "total")
    assert {part: [row["waste"][c] for c in causes] for part, row in rows.items()} == {
        E5: [
            cost(2, "1200.00"),
            cost(1, "600.00"),
            cost(0, "0.00"),
            cost(1, "600.00"),
            cost(4, "2400.00"),
        ],
        E3: [
            cost(0, "0.00"),
            cost(1, "300.00"),
            cost(0, "0.00"),
            cost(3, "900.00"),
            cost(4, "1200.00"),
        ],
        E1: [
            cost(3, "360.00"),
            cost(1, "120.00"),
            cost(1, "120.00"),
            cost(1, "120.00"),
            cost(6, "720.00"),
        ],
        MAIL: [
            cost(1, "52.00"),
            cost(0, "0.00"),
            cost(1, "52.00"),
            cost(0, "0.00"),
            cost(2, "104.00"),
        ],
        BI: [
            cost(4, "480.00"),
            cost(1, "120.00"),
            cost(1, "120.00"),
            cost(1, "120.00"),
            cost(7, "840.00"),
        ],
        VISIO: [
            cost(1, "111.11"),
            cost(1, "111.11"),
            cost(0, "0.00"),
            cost(0, "0.00"),
            cost(2, "222.22"),
        ],
        PROJECT: [cost(1, None), cost(0, None), cost(0, None), cost(1, None), cost(2, None)],
    }
    unknown = {part: row["unknownActivity"] for part, row in rows.items()}
    assert unknown == {E5: 0, E3: 1, E1: 0, MAIL: 1, BI: 0, VISIO: 0, PROJECT: 0}
    assert {part: row["rightSizing"] for part, row in rows.items() if row["rightSizing"]["seats"]}
    assert rows[E3]["rightSizing"] == cost(3, "676.00")
    assert rows[E1]["rightSizing"] == cost(1, "68.00")
    assert (rows[E3]["tidyUp"], rows[BI]["duplicates"]) == (1, 2)


def test_each_wasted_seat_has_a_holder_and_one_cause(admin: Admin, scenario: Scenario):
    rows = admin.all(f"/spend/waste?portalId={scenario.portal_id}&top=2")
    assert scenario.found(rows, "cause", "saving", "currency") == {
        (3, E5, "blocked", "600.00", "EUR"),
        (3, BI, "blocked", "120.00", "USD"),
        (4, E5, "inactive", "600.00", "EUR"),
        (2, BI, "duplicate", "120.00", "USD"),
        (10, E3, "blocked", "300.00", "EUR"),
        (11, E3, "inactive", "300.00", "EUR"),
        (13, E3, "inactive", "300.00", "EUR"),
        (18, E3, "inactive", "300.00", "EUR"),
        (15, E1, "duplicate", "120.00", "EUR"),
        (22, E1, "inactive", "120.00", "EUR"),
        (23, E1, "blocked", "120.00", "EUR"),
        (21, MAIL, "duplicate", "52.00", "EUR"),
        (27, BI, "inactive", "120.00", "USD"),
        (28, VISIO, "blocked", "111.11", "EUR"),
        (27, PROJECT, "inactive", None, None),
    }
    assert len(rows) == 15
    path = f"/spend/waste?portalId={scenario.portal_id}&cause=duplicate&skuId={scenario.skus[E1]}"
    (only,) = admin.all(path)
    assert (only["displayName"], only["coveredBySkuId"]) == ("Person 15", scenario.skus[E3])


def test_overlaps_are_licenses_contained_in_others_and_copies_to_tidy_up(
    admin: Admin, scenario: Scenario
):
    rows = admin.all(f"/spend/overlap?portalId={scenario.portal_id}")
    found = scenario.found(rows, "kind", "coveredBySkuId", "countedAs", "saving", "path")
    skus = scenario.skus
    assert found == {
        (2, BI, "duplicate", skus[E5], "duplicate", "120.00", "direct"),
        (3, BI, "duplicate", skus[E5], "blocked", None, "direct"),
        (15, E1, "duplicate", skus[E3], "duplicate", "120.00", "direct"),
        (21, MAIL, "duplicate", skus[E1], "duplicate", "52.00", "direct"),
        (17, E3, "tidy_up", None, None, None, "both"),
    }
    (tidy_up,) = admin.all(f"/spend/overlap?portalId={scenario.portal_id}&kind=tidy_up")
    assert tidy_up["displayName"] == "Person 17"


def test_right_sizing_proposes_the_cheapest_license_that_loses_nothing_used(
    admin: Admin, scenario: Scenario
):
    rows = admin.all(f"/spend/right-sizing?portalId={scenario.portal_id}")
    skus = scenario.skus
    assert scenario.found(rows, "cheaperSkuId", "saving", "currency") == {
        (6, E3, skus[E1], "180.00", "EUR"),
        (7, E3, skus[MAIL], "248.00", "EUR"),
        (12, E3, skus[MAIL], "248.00", "EUR"),
        (20, E1, skus[MAIL], "68.00", "EUR"),
    }
    lost = {scenario.people[row["userId"]]: row for row in rows}
    assert lost[6]["lostServices"] == ["microsoft_365_apps"]
    assert {"OFFICESUBSCRIPTION", "SHAREPOINTENTERPRISE"} <= set(lost[6]["lostPlans"])
    assert "TEAMS1" not in lost[6]["lostPlans"]
    assert "teams" in lost[7]["lostServices"]
    assert "exchange" not in lost[7]["lostServices"]


def test_the_summary_adds_up_within_each_currency(admin: Admin, scenario: Scenario):
    summary = admin.get(f"/spend/summary?portalId={scenario.portal_id}")
    assert {
        name: summary[name]
        for name in ("licenses", "unmanaged", "unpriced", "uncounted", "unpricedWastedSeats")
    } == {
        "licenses": 7,
        "unmanaged": 1,
        "unpriced": 1,
        "uncounted": 0,
        "unpricedWastedSeats": 2,
    }
    assert summary["unknownActivitySeats"] == 2
    euro, dollar = summary["currencies"]
    assert (euro["currency"], euro["licenses"], euro["annualSpend"]) == ("EUR", 5, "9541.33")
    assert euro["waste"] == {
        "neverAssigned": cost(7, "1723.11"),
        "blocked": cost(4, "1131.11"),
        "duplicate": cost(2, "172.00"),
        "inactive": cost(5, "1620.00"),
        "total": cost(18, "4646.22"),
    }
    assert euro["rightSizing"] == cost(4, "744.00")
    assert (dollar["currency"], dollar["annualSpend"]) == ("USD", "960.00")
    assert dollar["waste"]["total"] == cost(7, "840.00")


def test_the_annual_spend_is_charged_to_departments_to_the_last_cent(
    admin: Admin, scenario: Scenario
):
    rows = admin.all(f"/spend/by?dimension=department&portalId={scenario.portal_id}&top=2")
    fields = ("kind", "value", "currency", "seats", "annualSpend", "wastedSeats", "wasted")
    assert [tuple(row[name] for name in fields) for row in rows] == [
        ("stated", "Legal", "EUR", 12, "2880.00", 4, "1020.00"),
        ("stated", "Sales", "EUR", 10, "4200.00", 3, "1500.00"),
        ("stated", "Sales", "USD", 2, "240.00", 2, "240.00"),
        ("never_assigned", None, "EUR", 7, "1723.11", 7, "1723.11"),
        ("never_assigned", None, "USD", 4, "480.00", 4, "480.00"),
        ("not_stated", None, "EUR", 8, "738.22", 4, "403.11"),
        ("not_stated", None, "USD", 2, "240.00", 1, "120.00"),
    ]
    by_country = admin.all(f"/spend/by?dimension=country&portalId={scenario.portal_id}")
    stated = [row for row in by_country if row["kind"] == "stated"]
    assert [(r["value"], r["currency"], r["annualSpend"]) for r in stated] == [
        ("Germany", "EUR", "7818.22"),
        ("Germany", "USD", "480.00"),
    ]


def test_unmanaged_licenses_are_left_out_of_compliance_too(admin: Admin, scenario: Scenario):
    path = f"/compliance?portalId={scenario.portal_id}"
    assert {p["skuPartNumber"] for p in admin.all(f"{path}&managed=false")} == {FREE}
    assert {p["skuPartNumber"] for p in admin.all(f"{path}&managed=true")} == set(UNITS) - {FREE}
    assert {p["skuPartNumber"]: p["managed"] for p in admin.all(path)}[FREE] is False
    # nobody else has 9,997 spare ones
    assert admin.get("/compliance/summary")["unmanaged"] >= 1
