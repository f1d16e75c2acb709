"""Client of the Pipeline API of Deltaflow."""

from .client import Deltaflow
from .errors import (
    AuthenticationError,
    ConflictError,
    DeltaflowError,
    NotFoundError,
    PermissionError,
    PipelineNotFoundError,
    RateLimitError,
    RunNotFoundError,
    TimeoutError,
    ValidationError,
)
from .shapes import Connector, Event, Job, LastRun, Pipeline, PipelineItem, Progress, Run, RunError, Stage, Transform

__all__ = [
    "AuthenticationError",
    "ConflictError",
    "Connector",
    "Deltaflow",
    "DeltaflowError",
    "Event",
    "Job",
    "LastRun",
    "NotFoundError",
    "PermissionError",
    "Pipeline",
    "PipelineItem",
    "PipelineNotFoundError",
    "Progress",
    "RateLimitError",
    "Run",
    "RunError",
    "RunNotFoundError",
    "Stage",
    "TimeoutError",
    "Transform",
    "ValidationError",
]

__version__ = "0.1.0"
