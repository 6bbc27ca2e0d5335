"""A small client of Ledger365's HTTP API, for the demo and for tests."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

_POLL_SECONDS = 0.25
_FINISHED = ("Succeeded", "PartiallySucceeded", "Failed")


class ApiError(Exception):
    """An answer that is no success; `problem` is its problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem}")
        self.status = status
        self.problem = problem


class LedgerApi:
    """Calls the API at `url` (…/api) with a function key; bodies are JSON."""

    def __init__(self, url: str, function_key: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._prefix = parts.path
        self._key = function_key

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer to one request; raises ApiError unless it is a success."""
        connection = http.client.HTTPConnection(self._host, timeout=120)
        headers = {"x-functions-key": self._key, "content-type": "application/json"}
        try:
            connection.request(
                method,
                f"{self._prefix}/{path}",
                body=None if body is None else json.dumps(body),
                headers=headers,
            )
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            try:
                problem = json.loads(content)
            except ValueError:
                problem = {"detail": content.decode(errors="replace")}
            raise ApiError(answer.status, problem)
        return json.loads(content) if content else None

    def every(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """All rows of a list, page by page."""
        while True:
            page = self.call("GET", f"{path}?{urlencode(query)}" if query else path)
            yield from page["value"]
            if not page.get("continuation"):
                return
            query = {**query, "continuation": page["continuation"]}

    def wait_for_run(
        self,
        run_id: str,
        *,
        seconds: float,
        progress: Callable[[dict[str, Any]], None] = lambda run: None,
    ) -> dict[str, Any]:
        """The run once it has finished; raises TimeoutError after `seconds`.

        `progress` is called with each state of it seen on the way.
        """
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.call("GET", f"runs/{run_id}")
            progress(run)
            if run["state"] in _FINISHED:
                return run
            if time.monotonic() > deadline:
                raise TimeoutError(f"The run {run_id} is still {run['state']}.")
            time.sleep(_POLL_SECONDS)
