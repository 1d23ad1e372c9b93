"""What a client gets for each outcome of a decision, with the headers and bodies of the gateway responses."""

import base64
import json
from collections.abc import Mapping
from typing import Final

from authorizer import api_key
from tests.aws.api import Answer
from tests.aws.check import Failed, check, expect
from tests.aws.deployed import Deployed

PROBLEM: Final = "application/problem+json"
CHALLENGE: Final = 'Bearer realm="api"'
REFUSAL: Final = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "A valid API key or JWT is required, as Authorization: Bearer <credential>.",
}

FORBIDDEN: Final = {
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
    "detail": "This credential does not permit this route.",
}
KEY_WITHOUT_SCOPE: Final = "an API key without the scope"
JWT_WITHOUT_GROUP: Final = "a JWT without the group"


def expect_refused(what: str, answer: Answer) -> None:
    """:raises Failed: it is not the one answer to all refused credentials."""
    expect(f"status of {what}", answer.status, 401)
    _expect_headers(what, answer, {"WWW-Authenticate": CHALLENGE})
    expect(f"body of {what}", _without_request_id(what, answer), REFUSAL)


def _expect_headers(what: str, answer: Answer, others: Mapping[str, str]) -> None:
    wanted = {"Content-Type": PROBLEM, "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", **others}
    for name, value in wanted.items():
        expect(f"{name} of {what}", answer.headers.get(name), value)


def _without_request_id(what: str, answer: Answer) -> dict[str, object]:
    if not isinstance(answer.body, dict) or not answer.body.get("requestId"):
        raise Failed(f"the body of {what} is not a JSON object with a requestId")
    return {name: value for name, value in answer.body.items() if name != "requestId"}


@check("README.md", "The credential is accepted, and it can call this route.")
def an_accepted_credential_reaches_the_backend(deployed: Deployed) -> None:
    created = deployed.create_key("--data", '{"plan": "gold"}')
    answer = deployed.answer_with(200, lambda: deployed.sample.bearer(created["key"]))
    expect("status for an API key", answer.status, 200)
    expect("body for an API key", answer.body, {"message": "Authenticated", "sub": "acme", "data": {"plan": "gold"}})
    claims = _claims(deployed.jwt)
    answer = deployed.sample.bearer(deployed.jwt)
    expect("status for a JWT", answer.status, 200)
    if not isinstance(answer.body, dict) or (answer.body.get("sub"), answer.body.get("data")) != (
        claims["sub"],
        claims,
    ):
        raise Failed("the body for a JWT does not have the token's sub and claims")


@check("README.md", "The request has no credential, or the credential is refused. The body does not say why.")
def a_refused_credential_gets_the_same_401(deployed: Deployed) -> None:
    key, token = deployed.create_key()["key"], deployed.jwt
    header, payload, signature = token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**_claims(token), "sub": "admin"}).encode()).rstrip(b"=").decode()
    refused = {
        "an unknown API key": api_key.generate("mak"),
        "an API key with a wrong checksum": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "text that is no credential": "nonsense",
        "a JWT with other claims": f"{header}.{forged}.{signature}",
        "a JWT without signature": f"{header}.{payload}.",
    }
    api = deployed.sample
    expect_refused("a request without a credential", api.send("GET", "/me"))
    expect_refused("another scheme", api.send("GET", "/me", [("Authorization", "Basic dXNlcjpwYXNz")]))
    for what, credential in refused.items():
        expect_refused(what, api.bearer(credential))


@check("README.md", "The credential is accepted, but the access rules do not permit this route.")
def a_route_that_is_not_permitted_gets_403(deployed: Deployed) -> None:
    for what, answer in _forbidden(deployed).items():
        expect(f"status of {what}", answer.status, 403)
        _expect_headers(what, answer, {})
        body = _without_request_id(what, answer)
        expect(f"body of {what}", {name: body[name] for name in body if name != "missing_scopes"}, FORBIDDEN)


@check(
    "docs/access-rules.md",
    "`missing_scopes` lists scopes with which this credential could call more of the API.",
)
def a_403_names_the_missing_scopes(deployed: Deployed) -> None:
    scopes = {what: (answer.body or {}).get("missing_scopes") for what, answer in _forbidden(deployed).items()}
    expect("missing_scopes", scopes, {KEY_WITHOUT_SCOPE: "reports:write", JWT_WITHOUT_GROUP: ""})


def _forbidden(deployed: Deployed) -> dict[str, Answer]:
    """The answers to requests that no rule permits."""
    return {
        KEY_WITHOUT_SCOPE: deployed.sample.bearer(deployed.create_key()["key"], "/reports", "POST"),
        JWT_WITHOUT_GROUP: deployed.sample.bearer(deployed.jwt, "/admin/whoami"),
    }


@check("docs/operations.md", "There are two Authorization headers.")
def several_authorization_headers_are_refused(deployed: Deployed) -> None:
    key = deployed.create_key()["key"]
    headers = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {deployed.jwt}")]
    expect_refused("a request with two credentials", deployed.sample.send("GET", "/me", headers))


@check("README.md", "There is no such route.")
def a_route_that_does_not_exist_gets_404(deployed: Deployed) -> None:
    answer = deployed.sample.bearer(deployed.create_key()["key"], "/nothing")
    expect("status of a route that does not exist", answer.status, 404)
    _expect_headers("a route that does not exist", answer, {})


@check("docs/configuration.md", "The origin from which browsers can call the sample API.")
def a_preflight_needs_no_credential(deployed: Deployed) -> None:
    answer = deployed.sample.send("OPTIONS", "/me", [("Origin", "https://app.example.com")])
    expect("status of the preflight", answer.status, 200)
    expect("permitted origin", answer.headers.get("Access-Control-Allow-Origin"), "*")
    if "Authorization" not in answer.headers.get("Access-Control-Allow-Headers", ""):
        raise Failed("the preflight does not permit the header Authorization")


def _claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


@check(
    "docs/agents.md",
    "API Gateway documents `context.` variables as values of such a header.",
    needs=("apigateway:PATCH", "apigateway:POST"),
    not_on_emulator="it drops a header whose value is not in quotes",
)
def a_header_of_a_gateway_response_carries_a_variable_of_the_authorizers_context(deployed: Deployed) -> None:
    name, gateway = "X-Missing-Scopes", deployed.place.client("apigateway")
    api_id = deployed.main.resources["Api"]

    def change(operation: str, **value: str) -> None:
        path = f"/responseParameters/gatewayresponse.header.{name}"
        gateway.update_gateway_response(
            restApiId=api_id,
            responseType="ACCESS_DENIED",
            patchOperations=[{"op": operation, "path": path, **value}],
        )
        gateway.create_deployment(restApiId=api_id, stageName=deployed.stage)

    sent = [("Authorization", f"Bearer {deployed.create_key()['key']}")]
    change("add", value="context.authorizer.missing_scopes")
    try:
        # The new deployment takes effect after a while.
        answer = deployed.answer_when(
            lambda given: given.headers.get(name) is not None, lambda: deployed.sample.send("POST", "/reports", sent)
        )
    finally:
        change("remove")
    expect("status for a key without the scope", answer.status, 403)
    expect(f"{name} of the answer", answer.headers.get(name), "reports:write")
