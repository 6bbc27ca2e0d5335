"""The demo's own judgement: it notices what is not as it must be."""

from __future__ import annotations

from typing import Any

from devhost.demo import wrong_imports, wrong_positions, wrong_tests
from devhost.demo_cast import Member
from devhost.demo_spend import contract_of, wrong_waste

MEMBERS = [
    Member("Contoso", "t1", "client secret", True, {}),
    Member("Litware", "t2", "wrong secret", False, {}),
]
TRUTHS = {
    "Contoso": {
        "part_numbers": {"SPE_E3": "s1", "VISIOCLIENT": "s2"},
        "entitled": {"s1": 10, "s2": 5},
        "consumed": {"s1": 7, "s2": 1},
    }
}


def _position(sku_id: str, consumed: int, reason: str | None = None) -> dict[str, Any]:
    entitled = {"s1": 10, "s2": 5}[sku_id]
    return {
        "portalName": "Contoso",
        "skuId": sku_id,
        "entitled": entitled,
        "consumed": consumed,
        "reason": reason,
    }


def test_numbers_that_equal_the_tenants_are_right() -> None:
    positions = [_position("s1", 7), _position("s2", 1, "excluded_from_import")]
    assert wrong_positions(positions, TRUTHS) == []


def test_a_wrong_number_a_missing_position_and_a_wrong_reason_are_told() -> None:
    assert wrong_positions([_position("s1", 8)], TRUTHS) == [
        "SPE_E3 of Contoso: consumed 8, in truth 7.",
        "Contoso has no position for VISIOCLIENT.",
    ]
    both = [_position("s1", 7), _position("s2", 1)]
    assert wrong_positions(both, TRUTHS) == ["VISIOCLIENT of Contoso has the reason None."]
    stranger = {**_position("s1", 7), "portalName": "Litware"}
    assert "There is a position for Litware." in wrong_positions([stranger], TRUTHS)


def test_tests_and_imports_must_pass_or_fail_as_the_credentials_are() -> None:
    passed = {"state": "passed", "steps": []}
    refused = {"state": "failed", "steps": [{"state": "failed", "code": "token_rejected"}]}
    assert wrong_tests(MEMBERS, {"Contoso": passed, "Litware": refused}) == []
    assert len(wrong_tests(MEMBERS, {"Contoso": refused, "Litware": passed})) == 3
    done = {"portalName": "Contoso", "state": "Succeeded", "error": None}
    failed = {"portalName": "Litware", "state": "Failed", "error": {"code": "token_rejected"}}
    assert wrong_imports(MEMBERS, [done, failed]) == []
    assert wrong_imports(MEMBERS, [done]) == ["Litware has no import."]


def test_waste_must_be_that_of_the_tenant() -> None:
    truth = {
        "entitled": {"s1": 10},
        "consumed": {"s1": 7},
        "users": {
            "ada": {"enabled": False, "seats": ["s1"]},
            "bo": {"enabled": True, "seats": ["s1"]},
        },
    }
    waste = {"neverAssigned": {"seats": 3}, "blocked": {"seats": 1}}
    spend = {"skuId": "s1", "skuPartNumber": "SPE_E3", "waste": waste}
    assert wrong_waste([spend, {**spend, "waste": None}], truth) == []
    wrong = {**spend, "waste": {**waste, "blocked": {"seats": 2}}}
    assert wrong_waste([wrong], truth) == ["SPE_E3: 2 seats blocked, in truth 1."]


def test_contracts_are_entered_where_there_is_something_to_say() -> None:
    assert contract_of("SPE_F1") is None
    assert contract_of("WINDOWS_STORE") == {"managed": False}
    entered = contract_of("SPE_E3")
    assert entered is not None
    assert entered["effectiveDate"]
