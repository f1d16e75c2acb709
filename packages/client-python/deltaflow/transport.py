"""Requests with a key, a time limit, and another try where a repeat is safe."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Mapping, Optional

from .errors import DeltaflowError, TimeoutError, error_of, retry_after_of

LONGEST_WAIT = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the server that it is for, and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Transport:
    def __init__(self, base_url: str, api_key: Optional[str], timeout: float, max_retries: int, retry_delay: float) -> None:
        if not isinstance(base_url, str) or not base_url.startswith(("http://", "https://")):
            raise DeltaflowError("base_url is missing: give the address of the server, such as https://etl.example.com.", code="USAGE")
        self._base = base_url.rstrip("/") + "/api/v1"
        self._api_key = api_key
        self._timeout = timeout
        self._max_retries = max_retries
        self._retry_delay = retry_delay
        self._opener = urllib.request.build_opener(_NoRedirect())

    def json(self, method: str, path: str, **more: Any) -> Any:
        text = self.text(method, path, **more)
        if text == "":
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise DeltaflowError("The answer is no JSON. Is this the address of the API?", code="BAD_ANSWER") from error

    def text(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        is_safe: Optional[bool] = None,
    ) -> str:
        safe = method != "POST" if is_safe is None else is_safe
        attempt = 0
        while True:
            try:
                return self._once(method, path, query or {}, body, headers or {})
            except DeltaflowError as error:
                wait = self._wait_after(error, safe, attempt)
                if attempt >= self._max_retries or wait is None:
                    raise
                time.sleep(min(wait, LONGEST_WAIT))
                attempt += 1

    def _wait_after(self, error: DeltaflowError, is_safe: bool, attempt: int) -> Optional[float]:
        asked = getattr(error, "asked", None)
        delay = self._retry_delay * 2**attempt if asked is None else asked
        # What was turned away was not done, whatever it was.
        if error.status == 429:
            return delay
        is_transient = error.status >= 500 or error.code in ("NETWORK", "TIMEOUT")
        return delay if is_safe and is_transient else None

    def _once(self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]) -> str:
        request = self._request(method, path, query, body, headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return response.read().decode("utf-8")
        except urllib.error.HTTPError as answer:
            with answer:
                error = error_of(answer.code, answer.headers, answer.read().decode("utf-8", "replace"))
            error.asked = retry_after_of(answer.headers)  # type: ignore[attr-defined]
            raise error from None
        except (socket.timeout, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, socket.timeout) or isinstance(error, socket.timeout):
                raise TimeoutError(f"No answer came within {self._timeout:g} s.", code="TIMEOUT") from error
            raise DeltaflowError(f"The server cannot be reached: {reason}") from error

    def _request(self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]) -> urllib.request.Request:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        address = self._base + path + ("?" + urllib.parse.urlencode(given) if given else "")
        sent: Dict[str, str] = {"Accept": "application/json", "User-Agent": "deltaflow-python/0.1.0"}
        if self._api_key is not None:
            sent["Authorization"] = f"Bearer {self._api_key}"
        data = None
        if isinstance(body, str):
            data = body.encode("utf-8")
        elif body is not None:
            data = json.dumps(body).encode("utf-8")
            sent["Content-Type"] = "application/json"
        sent.update(headers)
        return urllib.request.Request(address, data=data, headers=sent, method=method)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def part(name: str) -> str:
    return urllib.parse.quote(name, safe="")
