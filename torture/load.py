"""Callers of the API, all at once, who note what was answered and promised."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from torture.scene import SECRET, Move, Promises, Subject

# What a caller may be told while everything around breaks; a 500 is a defect.
EXPECTED = frozenset({200, 201, 202, 204, 400, 404, 409, 412, 422, 502, 503})


class Load:
    """Threads that call; one of them alone moves products and erases persons, in order."""

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
            source.choice(actions)()
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
            rotate,
            lambda: self._ask("POST", f"/portals/{portal()}/test"),
        ]
        # imports of one portal follow one another, so that many more looks than asks fit
        looks: list[Callable[[], None]] = [
            lambda: self._ask("GET", f"/contacts?portalId={portal()}&top=200"),
            lambda: self._ask("GET", f"/licenses?portalId={portal()}"),
            lambda: self._ask("GET", "/compliance/summary"),
            lambda: self._ask("GET", "/runs?top=20"),
            lambda: self._ask("GET", "/health/ready"),
        ]
        return work + looks * 4

    def _ordered(self, source: random.Random) -> list[Callable[[], None]]:
        return [lambda: self._move(source)] * 8 + [lambda: self._erase(source)]

    def _move(self, source: random.Random) -> None:
        portal_id = source.choice(self._subjects).portal_id
        if portal_id not in self._products:
            listed = self._ask("GET", f"/products?portalId={portal_id}")
            if listed is None or not listed["value"]:
                return
            self._products[portal_id] = [row["skuId"] for row in listed["value"]]
        sku_id = source.choice(self._products[portal_id])
        directory = f"Torture/{source.randrange(1_000_000)}"
        move = self.promises.moves.setdefault((portal_id, sku_id), Move())
        move.possible.append(directory)
        if self._ask("PATCH", f"/products/{portal_id}/{sku_id}", {"directory": directory}):
            move.confirmed, move.possible = directory, []

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

    def _start(self, path: str, body: dict[str, Any]) -> None:
        status, answer = self._answer("POST", path, body)
        if status == 202:
            with self.promises.lock:
                self.promises.runs.add(answer["runId"])

    def _fire(self, function: str) -> None:
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
