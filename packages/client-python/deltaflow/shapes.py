"""What the API gives. Times are ISO 8601 text, UTC."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Type, TypeVar

T = TypeVar("T")


def shaped(kind: Type[T], data: Mapping[str, Any]) -> T:
    """What a newer server adds is left out."""
    known = {one.name for one in dataclasses.fields(kind) if one.init}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in data.items() if name in known})


@dataclass
class LastRun:
    id: str
    status: str
    started_at: Optional[str] = None
    duration_ms: Optional[int] = None
    rows_loaded: int = 0


@dataclass
class PipelineItem:
    name: str
    version: str = ""
    status: str = "active"
    schedule: Optional[str] = None
    last_run: Optional[LastRun] = None
    next_run_at: Optional[str] = None

    def __post_init__(self) -> None:
        if isinstance(self.last_run, Mapping):
            self.last_run = shaped(LastRun, self.last_run)


@dataclass
class Pipeline(PipelineItem):
    definition: Dict[str, Any] = field(default_factory=dict)
    revision: int = 0
    created_at: Optional[str] = None
    updated_at: Optional[str] = None


@dataclass
class Progress:
    stage: str
    rows_processed: int = 0


@dataclass
class Stage:
    name: str
    rows_in: int = 0
    rows_out: int = 0
    duration_ms: int = 0


@dataclass
class RunError:
    code: str
    message: str
    stage: Optional[str] = None
    step: Optional[str] = None
    hint: Optional[str] = None


@dataclass
class Run:
    """A run as it was when it was asked for. A run that was just started has the first five fields alone."""

    id: str
    pipeline: str
    status: str
    started_at: Optional[str] = None
    progress: Optional[Progress] = None
    revision: Optional[int] = None
    trigger: Optional[str] = None
    completed_at: Optional[str] = None
    duration_ms: Optional[int] = None
    full_refresh: Optional[bool] = None
    dry_run: Optional[bool] = None
    rows_extracted: Optional[int] = None
    rows_loaded: Optional[int] = None
    rows_rejected: Optional[int] = None
    stages: List[Stage] = field(default_factory=list)
    error: Optional[RunError] = None
    attempt: Optional[int] = None
    retry_of: Optional[str] = None
    variables: List[str] = field(default_factory=list)
    checks: Optional[List[Dict[str, Any]]] = None
    _runs: Any = field(default=None, repr=False, compare=False, init=False)

    def __post_init__(self) -> None:
        if isinstance(self.progress, Mapping):
            self.progress = shaped(Progress, self.progress)
        if isinstance(self.error, Mapping):
            self.error = shaped(RunError, self.error)
        self.stages = [shaped(Stage, stage) if isinstance(stage, Mapping) else stage for stage in self.stages]

    @property
    def is_over(self) -> bool:
        return self.status in ("success", "failed", "cancelled")

    def refresh(self) -> "Run":
        """As it is now."""
        return self._runs.get_run(self.pipeline, self.id)

    def wait(self, timeout: float = 300) -> "Run":
        """The run when it has ended, however it ended. Raises `TimeoutError` where it has not after `timeout` seconds; it goes on."""
        return self._runs.wait(self, timeout)

    def cancel(self) -> "Run":
        return self._runs.cancel(self.pipeline, self.id)

    def retry(self) -> "Run":
        """Goes on from the last checkpoint, in a new run."""
        return self._runs.retry(self.pipeline, self.id)

    def logs(self) -> "List[Event]":
        return self._runs.logs(self.pipeline, self.id)


@dataclass
class Event:
    id: str
    type: str
    timestamp: str
    pipeline: str
    run_id: Optional[str] = None
    data: Dict[str, Any] = field(default_factory=dict)


@dataclass
class Connector:
    name: str
    type: str
    role: str
    status: str = "unknown"
    last_check: Optional[str] = None
    pipelines: List[str] = field(default_factory=list)


@dataclass
class Transform:
    name: str
    type: str
    description: str = ""


@dataclass
class Job:
    pipeline: str
    schedule: Optional[str] = None
    timezone: str = "UTC"
    status: str = "active"
    last_run_at: Optional[str] = None
    next_run_at: Optional[str] = None
