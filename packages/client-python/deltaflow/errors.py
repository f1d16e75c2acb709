"""What the API refuses, as classes."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Type


class DeltaflowError(Exception):
    """Any error of the API, or of the way to it (status 0, code NETWORK)."""

    def __init__(
        self,
        message: str,
        status: int = 0,
        code: str = "NETWORK",
        details: Optional[Mapping[str, Any]] = None,
        request_id: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details: Dict[str, Any] = dict(details or {})
        self.request_id = request_id


class AuthenticationError(DeltaflowError):
    """401: no key, or none that counts."""


class PermissionError(DeltaflowError):  # noqa: A001
    """403: the key may not do this."""

    @property
    def required_scope(self) -> Optional[str]:
        return self.details.get("required_scope")


class NotFoundError(DeltaflowError):
    """404 of anything."""


class PipelineNotFoundError(NotFoundError):
    pass


class RunNotFoundError(NotFoundError):
    pass


class ValidationError(DeltaflowError):
    """400 and 422: everything that is wrong with what was sent."""

    @property
    def issues(self) -> List[Dict[str, Any]]:
        return list(self.details.get("issues", []))


class ConflictError(DeltaflowError):
    """409: the name is taken, the pipeline runs, or it was changed meanwhile."""


class RateLimitError(DeltaflowError):
    """429. `retry_after` in seconds."""

    retry_after: float = 1.0


class TimeoutError(DeltaflowError):  # noqa: A001
    """No answer in time, or a run that has not ended within the time that was given."""


_BY_STATUS: Dict[int, Type[DeltaflowError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: PermissionError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
}

_BY_CODE: Dict[str, Type[DeltaflowError]] = {
    "PIPELINE_NOT_FOUND": PipelineNotFoundError,
    "RUN_NOT_FOUND": RunNotFoundError,
}


def error_of(status: int, headers: Mapping[str, str], text: str) -> DeltaflowError:
    """The error of an answer; also of one that some proxy made."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None  # A page of something between: its status says enough.
    body = body if isinstance(body, dict) else {}
    error = body.get("error") or {}
    code = error.get("code", f"HTTP_{status}")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or DeltaflowError
    request_id = (body.get("meta") or {}).get("request_id") or headers.get("X-Request-Id")
    made = kind(error.get("message", f"The server answered {status}."), status, code, error.get("details"), request_id)
    if isinstance(made, RateLimitError):
        made.retry_after = retry_after_of(headers) or 1.0
    return made


def retry_after_of(headers: Mapping[str, str]) -> Optional[float]:
    text = headers.get("Retry-After")
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
