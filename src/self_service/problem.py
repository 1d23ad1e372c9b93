"""Answers that say what is wrong (RFC 9457), each with a code for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final


class Code(StrEnum):
    """What is wrong. Its status is in `STATUS`."""

    BAD_REQUEST = "bad_request"
    SIGN_IN_AGAIN = "sign_in_again"
    FORBIDDEN = "forbidden"
    SCOPE_NOT_PERMITTED = "scope_not_permitted"
    NOT_FOUND = "not_found"
    LIMIT_REACHED = "limit_reached"
    NOT_ACTIVE = "not_active"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_MANY_TODAY = "too_many_today"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNAVAILABLE = "unavailable"


STATUS: Final[Mapping[Code, HTTPStatus]] = {
    Code.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
    Code.SIGN_IN_AGAIN: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.SCOPE_NOT_PERMITTED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.LIMIT_REACHED: HTTPStatus.CONFLICT,
    Code.NOT_ACTIVE: HTTPStatus.CONFLICT,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.TOO_MANY_TODAY: HTTPStatus.TOO_MANY_REQUESTS,
    Code.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(Exception):
    """The request is not served. `detail`: a sentence for the user. `fields`: the members of the body that are wrong,
    each with a sentence. `headers`: further ones of the answer.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code: Final = code
        self.detail: Final = detail
        self.fields: Final = fields
        self.headers: Final = headers or {}

    @property
    def status(self) -> HTTPStatus:
        return STATUS[self.code]

    def body(self, request_id: str) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code.value,
            "request_id": request_id,
        }
        if self.fields:
            body["fields"] = [{"name": name, "detail": detail} for name, detail in self.fields]
        return body
