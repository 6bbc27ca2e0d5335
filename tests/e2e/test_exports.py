"""Every list goes out as CSV and as an Excel workbook."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import httpx
import openpyxl

import function_app
from simulator.control import Control
from tests.e2e.admin import Admin, connected

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EVIL = '=HYPERLINK("https://evil.example","Salary")'


def table(response: httpx.Response) -> list[dict[str, str]]:
    """The rows of a CSV answer."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    text = response.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def sheet(response: httpx.Response) -> list[dict[str, Any]]:
    """The rows of an Excel answer."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == XLSX
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    head, *rows = book.worksheets[0].iter_rows(values_only=True)
    return [dict(zip((str(cell) for cell in head), row, strict=True)) for row in rows]


def test_a_list_is_exported_whole_however_many_pages_it_has(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, users=1100)
    portal_id = portal["portalId"]
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    expected = {
        c["userPrincipalName"] for c in admin.all(f"/contacts?portalId={portal_id}&top=1000")
    }
    assert len(expected) == 1100
    path = f"/contacts?portalId={portal_id}"
    rows = table(admin.http.get(f"{path}&format=csv"))
    assert len(rows) == 1100
    assert {row["User principal name"] for row in rows} == expected
    response = admin.http.get(path, headers={"accept": XLSX})
    assert {row["User principal name"] for row in sheet(response)} == expected
    disposition = response.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="contacts-\d{4}-\d\d-\d\d\.xlsx"', disposition)


def test_a_file_of_one_page_leads_to_the_next(admin: Admin, cloud: Control):
    portal_id = connected(admin, cloud)["portalId"]
    admin.import_portal(portal_id)
    following: str | None = f"/contacts?portalId={portal_id}&top=15&format=csv"
    seen: list[str] = []
    pages = 0
    while following is not None:
        response = admin.http.get(following)
        seen += [row["User ID"] for row in table(response)]
        pages += 1
        link = response.links.get("next")
        following = link["url"].removeprefix("/api") if link else None
        assert following is None or "code=" not in following
    assert len(seen) == len(set(seen)) == 40
    assert pages >= 3


def test_a_name_made_to_be_a_formula_stays_a_name(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    cloud.call("user", tenant_id=portal["tenantId"], values={"display_name": EVIL})
    admin.import_portal(portal["portalId"])
    path = f"/contacts?portalId={portal['portalId']}"
    names = [row["Display name"] for row in table(admin.http.get(f"{path}&format=csv"))]
    assert f"'{EVIL}" in names
    assert EVIL not in names
    response = admin.http.get(f"{path}&format=xlsx")
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value == EVIL]
    assert len(cells) == 1
    assert cells[0].data_type == "s"


def test_every_list_without_parts_in_its_address_answers_in_every_form(
    admin: Admin, cloud: Control
):
    portal_id = connected(admin, cloud)["portalId"]
    admin.import_portal(portal_id)
    sku_id = admin.all(f"/licenses?portalId={portal_id}")[0]["skuId"]
    lists = [op for area in function_app.AREAS for op in area.operations if op.rows is not None]
    assert len(lists) >= 8
    for operation in lists:
        route = operation.route.replace("{portal_id}", portal_id).replace("{sku_id}", sku_id)
        if "{" in route:
            continue
        required = (
            operation.query.model_json_schema().get("required", []) if operation.query else []
        )
        query = {"portalId": portal_id, "skuId": sku_id}
        params = {name: query[name] for name in required}
        for form, content_type in (("csv", "text/csv; charset=utf-8"), ("xlsx", XLSX)):
            response = admin.http.get(f"/{route}", params={**params, "format": form})
            assert response.status_code == 200, (route, response.text)
            assert response.headers["content-type"] == content_type
        assert "value" in admin.http.get(f"/{route}", params={**params, "format": "json"}).json()


def test_a_failure_of_an_export_is_a_problem_and_no_file(admin: Admin):
    missing = "/licenses/0f8fad5b-d9cb-469f-a165-70867728950e/0f8fad5b-d9cb-469f-a165-70867728950e"
    problem = admin.call("GET", f"{missing}/consumers?format=csv", status=404)
    assert problem["code"] == "not_found"
    assert admin.call("GET", "/licenses?format=pdf", status=400)["field"] == "format"
    refused = admin.call("GET", "/compliance/summary?format=csv", status=400)
    assert refused["field"] == "format"
