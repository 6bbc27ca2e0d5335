"""The OData feed, paged as Power BI pages it: by following @odata.nextLink."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from simulator.control import Control
from tests.e2e.admin import Admin, connected
from tests.e2e.test_usage import Scene

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture(scope="module")
def portal_id(admin: Admin, cloud: Control) -> str:
    """A portal with 1,250 users, imported and recalculated."""
    portal = connected(admin, cloud, users=1250)
    assert admin.recalculate(portal["portalId"])["state"] == "Succeeded"
    return str(portal["portalId"])


def read(admin: Admin, path: str, **options: str) -> list[dict[str, Any]]:
    """Every entity, following the links unchanged."""
    response = admin.http.get(path, params=options)
    entities: list[dict[str, Any]] = []
    for _ in range(1000):
        assert response.status_code == 200, response.text
        assert response.headers["odata-version"] == "4.0"
        page = response.json()
        entities += page["value"]
        if "@odata.nextLink" not in page:
            return entities
        assert "code=" not in page["@odata.nextLink"]
        response = admin.http.get(page["@odata.nextLink"])
    raise AssertionError("the feed does not end")


def test_the_service_document_leads_to_sets_that_the_metadata_describes(admin: Admin):
    root = admin.get("/odata")
    assert root["@odata.context"] == f"{str(admin.http.base_url).rstrip('/')}/odata/$metadata"
    names = [entry["url"] for entry in root["value"]]
    lists = ["licenses", "products", "contacts", "consumers", "compliance", "spend"]
    of_usage = ["roster", "access", "devices", "hybrid", "hybridContacts"]
    assert names == [*lists, *of_usage, "runs"]
    response = admin.http.get("/odata/$metadata")
    assert response.headers["content-type"] == "application/xml"
    document = ET.fromstring(response.content)  # noqa: S314 - our own answer
    assert [entry.get("Name") for entry in document.iter(f"{EDM}EntitySet")] == names


def test_an_entity_set_is_the_list_page_by_page(admin: Admin, portal_id: str):
    entities = read(admin, "/odata/contacts", **{"$filter": f"portalId eq '{portal_id}'"})
    expected = {contact["userId"] for contact in admin.all(f"/contacts?portalId={portal_id}")}
    assert len(entities) == len(expected) == 1250
    assert {entity["userId"] for entity in entities} == expected


def test_every_property_of_an_entity_is_in_the_metadata_with_its_type(
    admin: Admin, cloud: Control, portal_id: str
):
    used = Scene(admin, cloud, users=3, active=1)
    used.device("PC", used.ids[0], "Microsoft Visio - en-us")
    assert used.collect()["state"] == "Succeeded"
    document = ET.fromstring(admin.http.get("/odata/$metadata").content)  # noqa: S314 - our own
    types = {
        entity.get("Name"): {p.get("Name"): p.get("Type") for p in entity.iter(f"{EDM}Property")}
        for entity in document.iter(f"{EDM}EntityType")
    }
    sets = {e.get("Name"): e.get("EntityType") for e in document.iter(f"{EDM}EntitySet")}
    python = {"Edm.String": str, "Edm.Int64": int, "Edm.Boolean": bool, "Edm.DateTimeOffset": str}
    python |= {"Edm.Date": str, "Edm.Double": float}
    for name, type_name in sets.items():
        properties = types[str(type_name).removeprefix("Ledger365.")]
        # a page may be empty and still continue: other tests have portals of their own
        entities = read(admin, f"/odata/{name}", **{"$top": "5"})
        assert entities, name
        for entity in entities:
            assert list(entity) == list(properties)
            for key, value in entity.items():
                kind = python.get(str(properties[key]), object)
                assert value is None or isinstance(value, kind), (name, key)


def test_consumers_of_all_licenses_are_one_set(admin: Admin, portal_id: str):
    entities = read(admin, "/odata/consumers", **{"$filter": f"portalId eq '{portal_id}'"})
    found = {(entity["skuId"], entity["userId"]) for entity in entities}
    assert len(found) == len(entities)
    expected = {
        (license_["skuId"], consumer["userId"])
        for license_ in admin.all(f"/licenses?portalId={portal_id}")
        for consumer in admin.all(f"/licenses/{portal_id}/{license_['skuId']}/consumers?top=1000")
    }
    assert found == expected


def test_top_counts_over_all_pages_and_select_narrows_them(admin: Admin, portal_id: str):
    options = {"$filter": f"portalId eq '{portal_id}'", "$select": "userId", "$top": "1100"}
    entities = read(admin, "/odata/contacts", **options)
    assert len({entity["userId"] for entity in entities}) == 1100
    assert all(list(entity) == ["userId"] for entity in entities)
    assert read(admin, "/odata/contacts", **{"$top": "0"}) == []


def test_a_filter_chooses_what_the_list_chooses(admin: Admin, portal_id: str):
    status = admin.all(f"/compliance?portalId={portal_id}")[0]["status"]
    chosen = f"portalId eq '{portal_id}' and status eq '{status}'"
    entities = read(admin, "/odata/compliance", **{"$filter": chosen})
    expected = admin.all(f"/compliance?portalId={portal_id}&status={status}")
    assert {e["skuId"] for e in entities} == {row["skuId"] for row in expected}
    assert entities[0]["counts_blocked"] == expected[0]["counts"]["blocked"]


@pytest.mark.parametrize(
    ("path", "status", "target"),
    [
        ("/odata/contacts?$orderby=mail", 400, "$orderby"),
        ("/odata/contacts?$count=true", 400, "$count"),
        ("/odata/contacts?$filter=contains(mail,'x')", 400, "$filter"),
        ("/odata/contacts?$filter=kind eq 'emperor'", 400, "kind"),
        ("/odata/contacts?$select=password", 400, "$select"),
        ("/odata/contacts?$top=-1", 400, "$top"),
        ("/odata/contacts?$skiptoken=abc", 400, "continuation"),
        ("/odata/secrets", 404, None),
    ],
)
def test_what_the_feed_does_not_serve_it_says_in_odatas_own_form(
    path: str, status: int, target: str | None, admin: Admin
):
    error = admin.call("GET", path, status=status)["error"]
    assert error["code"]
    assert error["message"]
    assert error.get("target") == target


def test_the_feed_needs_a_key(admin: Admin):
    response = admin.http.get("/odata/contacts", headers={"x-functions-key": "wrong"})
    assert response.status_code == 401
