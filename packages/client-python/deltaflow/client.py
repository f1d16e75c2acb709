"""The client: each part of the API as an attribute."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any, Callable, Dict, Generic, Iterator, List, Mapping, Optional, TypeVar, Union

from .errors import DeltaflowError, TimeoutError
from .shapes import Connector, Event, Job, Pipeline, PipelineItem, Run, Transform, shaped
from .transport import Transport, part

A = TypeVar("A")

Variables = Mapping[str, Union[str, int, float, bool]]


class Listing(Generic[A]):
    """A list of the API. Its pages are loaded as one goes over it; `len` is that of all pages."""

    def __init__(self, transport: Transport, path: str, query: Mapping[str, Any], shape: Callable[[Dict[str, Any]], A]) -> None:
        self._transport = transport
        self._path = path
        self._query = dict(query)
        self._shape = shape
        self._items: List[A] = []
        self._load(int(self._query.get("page") or 1))

    def _load(self, page: int) -> None:
        answer = self._transport.json("GET", self._path, query={**self._query, "page": page})
        self._items.extend(self._shape(item) for item in answer["data"])
        meta = answer["meta"]
        self.total: int = meta["total"]
        self.page: int = meta["page"]
        self.per_page: int = meta["per_page"]
        self._is_whole = not answer["data"] or self.page * self.per_page >= self.total

    def __iter__(self) -> Iterator[A]:
        at = 0
        while True:
            while at < len(self._items):
                yield self._items[at]
                at += 1
            if self._is_whole:
                return
            self._load(self.page + 1)

    def __getitem__(self, index: int) -> A:
        while not self._is_whole and (index < 0 or index >= len(self._items)):
            self._load(self.page + 1)
        return self._items[index]

    def __len__(self) -> int:
        return self.total

    def __repr__(self) -> str:
        return f"<{len(self._items)} of {self.total}: {self._items!r}>"


class _Part:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _data(self, method: str, path: str, **more: Any) -> Any:
        return self._transport.json(method, path, **more)["data"]


class Pipelines(_Part):
    def list(self, status: Optional[str] = None, page: int = 1, per_page: int = 20) -> Listing[PipelineItem]:
        query = {"status": status, "page": page, "per_page": per_page}
        return Listing(self._transport, "/pipelines", query, lambda item: shaped(PipelineItem, item))

    def get(self, name: str) -> Pipeline:
        return shaped(Pipeline, self._data("GET", f"/pipelines/{part(name)}"))

    def create(self, definition: Union[Mapping[str, Any], str]) -> Pipeline:
        """From data, or from YAML text."""
        return shaped(Pipeline, self._data("POST", "/pipelines", **_body(definition)))

    def update(self, name: str, definition: Union[Mapping[str, Any], str], revision: Optional[int] = None) -> Pipeline:
        """With `revision`, only where that is the one that is there."""
        more = _body(definition)
        if revision is not None:
            more["headers"] = {**more["headers"], "If-Match": f'"{revision}"'}
        return shaped(Pipeline, self._data("PUT", f"/pipelines/{part(name)}", **more))

    def delete(self, name: str, force: bool = False) -> None:
        self._transport.text("DELETE", f"/pipelines/{part(name)}", query={"force": force or None})

    def pause(self, name: str) -> Pipeline:
        return shaped(Pipeline, self._data("POST", f"/pipelines/{part(name)}/pause", is_safe=True))

    def resume(self, name: str) -> Pipeline:
        return shaped(Pipeline, self._data("POST", f"/pipelines/{part(name)}/resume", is_safe=True))

    def state(self, name: str) -> Dict[str, Any]:
        return self._data("GET", f"/pipelines/{part(name)}/state")

    def reset_state(self, name: str) -> None:
        self._transport.text("DELETE", f"/pipelines/{part(name)}/state")

    def run(
        self,
        name: str,
        full_refresh: Optional[bool] = None,
        dry_run: Optional[bool] = None,
        variables: Optional[Variables] = None,
        idempotency_key: Optional[str] = None,
    ) -> Run:
        """Starts a run. Safe to try again: of several requests with one key one starts it."""
        given = {"full_refresh": full_refresh, "dry_run": dry_run, "variables": variables}
        data = self._data(
            "POST",
            f"/pipelines/{part(name)}/runs",
            body={key: value for key, value in given.items() if value is not None},
            headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
            is_safe=True,
        )
        return self._run(data)

    def runs(
        self,
        name: str,
        limit: Optional[int] = None,
        status: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
        page: int = 1,
    ) -> Listing[Run]:
        """Newest first."""
        query = {"limit": limit, "status": status, "since": since, "until": until, "page": page}
        return Listing(self._transport, f"/pipelines/{part(name)}/runs", query, self._run)

    def get_run(self, name: str, run_id: str) -> Run:
        return self._run(self._data("GET", f"/pipelines/{part(name)}/runs/{part(run_id)}"))

    def cancel(self, name: str, run_id: str) -> Run:
        return self._run(self._data("POST", f"/pipelines/{part(name)}/runs/{part(run_id)}/cancel", is_safe=True))

    def retry(self, name: str, run_id: str) -> Run:
        return self._run(self._data("POST", f"/pipelines/{part(name)}/runs/{part(run_id)}/retry"))

    def logs(self, name: str, run_id: str) -> List[Event]:
        text = self._transport.text("GET", f"/pipelines/{part(name)}/runs/{part(run_id)}/logs")
        return [shaped(Event, json.loads(line)) for line in text.splitlines() if line]

    def wait(self, run: Run, timeout: float) -> Run:
        end = time.monotonic() + timeout
        pause = 0.1
        while True:
            now = self.get_run(run.pipeline, run.id)
            if now.is_over:
                return now
            if time.monotonic() + pause > end:
                raise TimeoutError(f"The run {run.id} of {run.pipeline} has not ended within {timeout:g} s. It goes on.", code="TIMEOUT")
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    def _run(self, data: Dict[str, Any]) -> Run:
        run = shaped(Run, data)
        run._runs = self
        return run


def _body(definition: Union[Mapping[str, Any], str]) -> Dict[str, Any]:
    is_text = isinstance(definition, str)
    return {"body": definition, "headers": {"Content-Type": "application/yaml"} if is_text else {}}


class Connectors(_Part):
    def list(self, page: int = 1, per_page: int = 20) -> Listing[Connector]:
        return Listing(self._transport, "/connectors", {"page": page, "per_page": per_page}, lambda item: shaped(Connector, item))

    def health(self, name: str) -> Dict[str, Any]:
        return self._data("GET", f"/connectors/{part(name)}/health")

    def test(self, type: str, **config: Any) -> Dict[str, Any]:  # noqa: A002
        return self._data("POST", "/connectors/test", body={"type": type, **config}, is_safe=True)


class Transforms(_Part):
    def list(self, page: int = 1, per_page: int = 20) -> Listing[Transform]:
        return Listing(self._transport, "/transforms", {"page": page, "per_page": per_page}, lambda item: shaped(Transform, item))

    def test(self, name: str, input: List[Mapping[str, Any]], config: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:  # noqa: A002
        return self._data("POST", f"/transforms/{part(name)}/test", body={"input": input, "config": config or {}}, is_safe=True)


class Scheduler(_Part):
    def jobs(self, page: int = 1, per_page: int = 20) -> Listing[Job]:
        return Listing(self._transport, "/scheduler/jobs", {"page": page, "per_page": per_page}, lambda item: shaped(Job, item))

    def update(self, pipeline: str, **change: Any) -> Job:
        """`schedule`, `timezone` and `enabled`."""
        return shaped(Job, self._data("PUT", f"/scheduler/jobs/{part(pipeline)}", body=change))

    def pause(self, pipeline: str) -> Job:
        return shaped(Job, self._data("POST", f"/scheduler/jobs/{part(pipeline)}/pause", is_safe=True))

    def resume(self, pipeline: str) -> Job:
        return shaped(Job, self._data("POST", f"/scheduler/jobs/{part(pipeline)}/resume", is_safe=True))


class Events(_Part):
    def list(
        self,
        pipeline: Optional[str] = None,
        type: Optional[str] = None,  # noqa: A002
        after: Optional[str] = None,
        limit: Optional[int] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> List[Event]:
        """Oldest first. `after` the id of the last one that came gives what came since."""
        query = {"pipeline": pipeline, "type": type, "after": after, "limit": limit, "since": since, "until": until}
        return [shaped(Event, item) for item in self._data("GET", "/events", query=query)]


class Deltaflow:
    """Client of a Deltaflow server."""

    def __init__(
        self,
        base_url: str,
        api_key: Optional[str] = None,
        timeout: float = 30,
        max_retries: int = 3,
        retry_delay: float = 0.5,
    ) -> None:
        """`timeout` and `retry_delay` in seconds. Tries after the first are made on 5xx, 429 and answers that do not come, where that is safe."""
        transport = Transport(base_url, api_key, timeout, max_retries, retry_delay)
        self.pipelines = Pipelines(transport)
        self.connectors = Connectors(transport)
        self.transforms = Transforms(transport)
        self.scheduler = Scheduler(transport)
        self.events = Events(transport)

    @classmethod
    def from_env(cls, **options: Any) -> "Deltaflow":
        """With `DELTAFLOW_URL` and `DELTAFLOW_API_KEY` of the environment."""
        url = options.pop("base_url", None) or os.environ.get("DELTAFLOW_URL")
        if url is None:
            raise DeltaflowError("DELTAFLOW_URL is not set: give the address of the server.", code="USAGE")
        return cls(base_url=url, api_key=options.pop("api_key", None) or os.environ.get("DELTAFLOW_API_KEY"), **options)
