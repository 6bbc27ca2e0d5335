"""Callers of the API, all at once, who note what was answered and promised."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from torture.scene import SECRET, Promises, Subject, Wish

# What a caller may be told while everything around breaks; a 500 is a defect.
EXPECTED = frozenset({200, 201, 202, 204, 400, 404, 409, 412, 422, 502, 503})
# Nobody asks for more while this much is waited for.
_PATIENCE = 10
_PRICE = {"currency": "EUR", "frequency": "monthly", "effectiveDate": "2024-01-01"}


class Load:
    """Threads that call; one of them alone moves products, prices and erases, in order."""

    def __init__(
        self, api: httpx.Client, host: httpx.Client, subjects: list[Subject], seed: int
    ) -> None:
        self.promises = Promises()
        self.answers: Counter[str] = Counter()
        self.defects: list[str] = []
        self._api = api
        self._host = host
        self._subjects = subjects
        self._seed = seed
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._products: dict[str, list[str]] = {}
        self._previews: list[str] = []
        self._waited_for = 0

    def start(self, callers: int) -> None:
        """Begins to call."""
        for number in range(callers):
            source = random.Random(self._seed * 1000 + number)  # noqa: S311 - reproducible
            actions = self._ordered(source) if number == 0 else self._mixed(source)
            thread = threading.Thread(target=self._call_on, args=(source, actions), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends all callers, after their last answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call_on(self, source: random.Random, actions: list[Callable[[], None]]) -> None:
        while not self._stop.is_set():
            try:
                source.choice(actions)()
            except (KeyError, TypeError, ValueError) as error:
                self.defects.append(f"an answer was not as described: {error!r}")
            self._stop.wait(source.uniform(0.05, 0.5))

    def _mixed(self, source: random.Random) -> list[Callable[[], None]]:
        def portal() -> str:
            return source.choice(self._subjects).portal_id

        def rotate() -> None:
            credential = {"kind": "clientSecret", "value": SECRET}
            self._ask("PATCH", f"/portals/{portal()}", {"credential": credential})

        work: list[Callable[[], None]] = [
            lambda: self._start(f"/portals/{portal()}/import", {}),
            lambda: self._start(f"/portals/{portal()}/import", {"clean": True}),
            lambda: self._start("/compliance/recalculate", {"portalIds": [portal()]}),
            lambda: self._start("/imports", {}),
            lambda: self._fire("ImportAllPortals"),
            lambda: self._fire("RecalculateCompliance"),
            lambda: self._start(f"/portals/{portal()}/usage", {}),
            lambda: self._start("/consolidated", {}),
            lambda: self._preview(portal()),
            rotate,
            lambda: self._ask("POST", f"/portals/{portal()}/test"),
        ]
        # imports of one portal follow one another, so that many more looks than asks fit
        looks: list[Callable[[], None]] = [
            lambda: self._ask("GET", f"/contacts?portalId={portal()}&top=200"),
            lambda: self._ask("GET", f"/licenses?portalId={portal()}"),
            lambda: self._ask("GET", "/compliance/summary"),
            self._count_waiting,
            lambda: self._reclaim(source),
            lambda: self._ask("GET", "/spend/summary"),
            lambda: self._ask("GET", f"/usage/roster?portalId={portal()}&top=200"),
            lambda: self._ask("GET", "/health/ready"),
        ]
        return work + looks * 4

    def _ordered(self, source: random.Random) -> list[Callable[[], None]]:
        return (
            [lambda: self._move(source)] * 8
            + [lambda: self._price(source)] * 4
            + [lambda: self._erase(source)]
        )

    def _move(self, source: random.Random) -> None:
        product = self._product(source)
        if product is not None:
            wish = self.promises.directories.setdefault(product, Wish())
            directory = f"Torture/{source.randrange(1_000_000)}"
            path = "/products/{}/{}".format(*product)
            self._change(wish, directory, "PATCH", path, {"directory": directory})

    def _price(self, source: random.Random) -> None:
        product = self._product(source)
        if product is not None:
            wish = self.promises.amounts.setdefault(product, Wish())
            amount = f"{source.randrange(1, 1_000_000)}.50"
            path = "/licenses/{}/{}/contract".format(*product)
            self._change(wish, amount, "PUT", path, {**_PRICE, "amount": amount})

    def _change(self, wish: Wish, value: str, method: str, path: str, body: Any) -> None:
        wish.possible.append(value)
        if self._ask(method, path, body):
            wish.confirmed, wish.possible = value, []

    def _product(self, source: random.Random) -> tuple[str, str] | None:
        portal_id = source.choice(self._subjects).portal_id
        if portal_id not in self._products:
            listed = self._ask("GET", f"/products?portalId={portal_id}")
            if listed is None or not listed["value"]:
                return None
            self._products[portal_id] = [row["skuId"] for row in listed["value"]]
        return portal_id, source.choice(self._products[portal_id])

    def _preview(self, portal_id: str) -> None:
        body = {"portalId": portal_id, "allLicenses": True, "rule": {"blocked": True}}
        preview = self._start("/reclamations/preview", body)
        if preview is not None:
            self._previews.append(preview["previewId"])

    def _reclaim(self, source: random.Random) -> None:
        """Takes a reclamation one step further."""
        if not self._previews:
            return
        preview_id = source.choice(self._previews)
        found = self._ask("GET", f"/reclamations/{preview_id}")
        state = found and found["reclamation"]["state"]
        if state == "ready":
            self._start("/reclamations", {"previewId": preview_id})
        elif state == "executed" and source.random() < 0.3:
            self._start(f"/reclamations/{preview_id}/undo", {})

    def _count_waiting(self) -> None:
        listed = self._ask("GET", "/runs?state=Queued&top=100")
        if listed is not None:
            self._waited_for = len(listed["value"])

    def _erase(self, source: random.Random) -> None:
        portal_id = source.choice(self._subjects).portal_id
        erased = self.promises.erased.setdefault(portal_id, {})
        if len(erased) >= 3:
            return
        page = self._ask("GET", f"/contacts?portalId={portal_id}&top=50")
        people = [c for c in (page or {"value": []})["value"] if not c["erased"]]
        if not people:
            return
        person = source.choice(people)
        for _ in range(20):
            status, _ = self._answer("DELETE", f"/contacts/{portal_id}/{person['userId']}", None)
            if status == 204:
                erased[person["userId"]] = person["userPrincipalName"]
                return
            if status == 404 or self._stop.wait(0.5):
                return

    def _start(self, path: str, body: dict[str, Any]) -> Any:
        if self._waited_for >= _PATIENCE:
            return None
        status, answer = self._answer("POST", path, body)
        if status != 202:
            return None
        with self.promises.lock:
            self.promises.runs.add(answer["runId"])
        return answer

    def _fire(self, function: str) -> None:
        if self._waited_for >= _PATIENCE:
            return
        try:
            self._host.post(f"/admin/functions/{function}", json={})
        except httpx.TransportError:
            self.answers["unanswered"] += 1

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._answer(method, path, body)
        return answer if status < 300 else None

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        try:
            response = self._api.request(method, path, json=body)
        except httpx.TransportError:
            # the worker was killed, or none listened
            self.answers["unanswered"] += 1
            return 599, None
        self.answers[str(response.status_code)] += 1
        answer = response.json() if response.content else None
        if response.status_code not in EXPECTED:
            self.defects.append(f"{method} {path}: {response.status_code} {response.text[:300]}")
        return response.status_code, answer
