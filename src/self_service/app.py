"""The routes: from an event of API Gateway to an answer, whatever the request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from authorizer import strict_json
from keys.core.fields import KEY_ID
from self_service.caller import User
from self_service.models import Keys, MadeKey, Me, NewKey, ProblemDetails, Roll, RolledKey
from self_service.page import Page
from self_service.problem import STATUS, Code, Problem
from self_service.service import Service

BASE: Final = "/self-service"
MOST_BODY: Final = 16_384
"""The length of a body in characters. The largest valid one has about 7,000."""

_JSON: Final = re.compile(r"application/json *(;.*)?", re.IGNORECASE | re.DOTALL)
_PROBLEM: Final = "application/problem+json"
_KEY: Final = r"^key_[0-9A-Za-z]{16}$"

Event = Mapping[str, Any]
KeyId = Annotated[str, Path(pattern=_KEY)]


class App:
    """The self-service API. `user_of` returns the user who sent an event, or raises `Problem`.

    `origin`: the one from which browsers can call the API, beside its own; empty for none. `report` is called with each
    error that is not the fault of the request.
    """

    def __init__(
        self,
        service: Service,
        user_of: Callable[[Event], User],
        page: Page,
        *,
        origin: str,
        report: Callable[[Exception], object],
    ) -> None:
        self._user_of = user_of
        self._page = page
        self._origin = origin
        self._report = report
        self.resolver = resolver(service, self._user)

    def answer(self, event: Event, context: Any) -> dict[str, Any]:
        """The answer to an event of a REST API. No request makes it fail."""
        origin = self._cors(event)
        try:
            method, resource = event["httpMethod"], event["resource"]
            if resource == BASE and method == "GET":
                return _answer(200, self._page.body, self._page.headers)
            if method == "OPTIONS":
                # Without the headers of CORS, a browser does not send the request.
                return _answer(204, "", {"Cache-Control": "no-store", **_preflight(origin)})
            answered = self.resolver.resolve(_checked(event), context)
            if answered["statusCode"] == HTTPStatus.NO_CONTENT:
                answered = _answer(HTTPStatus.NO_CONTENT, "", {})
        except Problem as problem:
            answered = _told(problem, _request_id(event))
        except Exception as error:
            self._report(error)
            answered = _told(_UNAVAILABLE, _request_id(event))
        headers = answered.setdefault("multiValueHeaders", {})
        fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **origin}
        headers.update({name: [value] for name, value in fixed.items()})
        return answered

    def _user(self) -> User:
        return self._user_of(self.resolver.current_event.raw_event)

    def _cors(self, event: Event) -> dict[str, str]:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        if not self._origin or headers.get("origin") != self._origin:
            return {}
        return {"Access-Control-Allow-Origin": self._origin, "Vary": "Origin"}


_UNAVAILABLE: Final = Problem(
    Code.UNAVAILABLE,
    "This did not work just now. Read the list again before you repeat it.",
    headers={"Retry-After": "5"},
)


def resolver(service: Service, user: Callable[[], User]) -> APIGatewayRestResolver:
    """The routes. `user` returns the user who sent the current request."""
    app = APIGatewayRestResolver(enable_validation=True, json_body_deserializer=_parse)

    @app.exception_handler(Problem)  # type: ignore[untyped-decorator]
    def told(problem: Problem) -> Response[Any]:
        return _response(problem, app.current_event.raw_event)

    @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
    def invalid(error: RequestValidationError) -> Response[Any]:
        fields = [(_name(each), _reason(each)) for each in error.errors()][:20]
        return _response(
            Problem(Code.BAD_REQUEST, "The request is not valid.", fields=fields), app.current_event.raw_event
        )

    @app.not_found
    def unknown(_error: Exception) -> Response[Any]:
        return _response(Problem(Code.NOT_FOUND, "There is no such route."), app.current_event.raw_event)

    @app.get(
        f"{BASE}/me", summary="Who is signed in, and what can be made", operation_id="me", responses=_answers(200, Me)
    )
    def me() -> Me:
        return service.me(user())

    @app.get(
        f"{BASE}/keys",
        summary="List your keys",
        operation_id="listKeys",
        responses=_answers(200, Keys, Code.BAD_REQUEST),
    )
    def keys(
        after: Annotated[str | None, Query(pattern=_KEY, description="The member `next` of the part before.")] = None,
    ) -> Keys:
        return service.keys(user(), after)

    @app.post(
        f"{BASE}/keys",
        summary="Make a key",
        operation_id="makeKey",
        status_code=201,
        responses=_answers(201, MadeKey, *_OF_BODY, Code.LIMIT_REACHED),
    )
    def make(wanted: NewKey) -> MadeKey:
        return service.create(user(), wanted)

    @app.post(
        f"{BASE}/keys/<key_id>/roll",
        summary="Replace a key",
        operation_id="rollKey",
        status_code=201,
        responses=_answers(201, RolledKey, *_OF_BODY, Code.NOT_FOUND, Code.LIMIT_REACHED),
    )
    def roll(key_id: KeyId, how: Roll) -> RolledKey:
        return service.roll(user(), key_id, how.grace)

    @app.delete(
        f"{BASE}/keys/<key_id>",
        summary="End a key",
        operation_id="endKey",
        status_code=204,
        responses=_answers(204, None, Code.NOT_FOUND),
    )
    def end(key_id: KeyId) -> None:
        service.revoke(user(), key_id)

    return app


_OF_BODY: Final = (Code.BAD_REQUEST, Code.UNSUPPORTED_MEDIA_TYPE)


def _checked(event: Event) -> dict[str, Any]:
    """The event as the resolver takes it: its path is that of its resource, whatever base path a domain adds.

    :raises Problem: its body is not JSON, or its key ID is none.
    """
    path = event["resource"]
    key_id = (event.get("pathParameters") or {}).get("key_id")
    if key_id is not None:
        if not KEY_ID.fullmatch(key_id):
            raise Problem(Code.NOT_FOUND, "You have no such key, or it has ended.")
        path = path.replace("{key_id}", key_id)
    if event["httpMethod"] == "POST":
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        if not _JSON.fullmatch(headers.get("content-type") or ""):
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON, with Content-Type: application/json.")
        body = event.get("body") or ""
        if event.get("isBase64Encoded") or len(body) > MOST_BODY:
            raise Problem(Code.BAD_REQUEST, "The body is too long, or is not text.")
        _parse(body)
        # The resolver compares it with case.
        return {**event, "path": path, "headers": {**headers, "content-type": "application/json"}}
    return {**event, "path": path}


def _parse(body: str) -> dict[str, Any]:
    try:
        return strict_json.parse_object(body.encode())
    except ValueError as error:
        text = "Not JSON" if isinstance(error, json.JSONDecodeError | UnicodeError) else str(error)
        raise Problem(Code.BAD_REQUEST, f"The body is not a JSON object that can be read: {text}.") from None


def _name(error: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))


def _reason(error: Mapping[str, Any]) -> str:
    """Without the value, which the client has."""
    return str(error["msg"])[:200]


def _answers(status: int, model: type[BaseModel] | None, *codes: Code) -> dict[int, Any]:
    """The description of the answers of a route, by status: the one of success, and those of problems."""
    found: dict[int, str] = {}
    for code in (*codes, Code.FORBIDDEN, Code.TOO_MANY_REQUESTS, Code.UNAVAILABLE, Code.SIGN_IN_AGAIN):
        found[STATUS[code].value] = STATUS[code].phrase
    success: dict[str, Any] = {"description": (model.__doc__ if model else None) or "It has ended."}
    if model:
        success["content"] = {"application/json": {"model": model}}
    problem = {_PROBLEM: {"model": ProblemDetails}}
    return {status: success} | {each: {"description": found[each], "content": problem} for each in sorted(found)}


def _response(problem: Problem, event: Event) -> Response[Any]:
    body = json.dumps(problem.body(_request_id(event)), ensure_ascii=False)
    return Response(problem.status.value, _PROBLEM, body, headers=dict(problem.headers))


def _told(problem: Problem, request_id: str) -> dict[str, Any]:
    body = json.dumps(problem.body(request_id), ensure_ascii=False)
    return _answer(problem.status.value, body, {"Content-Type": _PROBLEM, **problem.headers})


def _answer(status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "body": body,
        "isBase64Encoded": False,
    }


def _preflight(origin: Mapping[str, str]) -> dict[str, str]:
    if not origin:
        return {}
    return {
        **origin,
        "Access-Control-Allow-Methods": "GET,POST,DELETE",
        "Access-Control-Allow-Headers": "Authorization,Content-Type",
        "Access-Control-Max-Age": "600",
    }


def _request_id(event: Event) -> str:
    """That of the access log, which a client cannot choose."""
    context = event.get("requestContext") or {}
    return str(context.get("extendedRequestId") or context.get("requestId") or "")
