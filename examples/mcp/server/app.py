"""An MCP server as a Lambda function. The authorizer decides about the route, and this about its tools."""

import json
from collections.abc import Callable
from typing import Any

from mangum import Mangum
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("reports", log_level="WARNING")
scopes: dict[str, str] = {}
"""The scope that each tool needs."""


def tool(scope: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """A tool for callers with this scope."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        scopes[function.__name__] = scope
        return server.tool()(function)

    return add


@tool("reports:read")
def list_reports(context: Context) -> str:
    """List the reports of the caller."""
    return f"{caller_of(context)['sub']} has 2 reports"


@tool("reports:write")
def write_report(title: str, context: Context) -> str:
    """Write a report."""
    caller = caller_of(context)
    return f"{caller['sub']} wrote {title!r} with a credential of the kind {caller['credential']}"


def caller_of(context: Context) -> dict[str, Any]:
    """What the authorizer says about the caller."""
    request = context.request_context.request
    caller: dict[str, Any] = request.scope["aws.event"]["requestContext"]["authorizer"]
    return caller


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the response to one request. Each request is a session of its own."""
    caller = event["requestContext"].get("authorizer") or {}
    if not caller.get("sub"):
        # In case the route loses its authorizer.
        return problem(401, "Unauthorized")
    if event["httpMethod"] != "POST":
        # A stream that the server opens would last until the function's timeout.
        return problem(405, "Method Not Allowed", Allow="POST")
    try:
        message = json.loads(event["body"])
        needed = scopes.get(message["params"]["name"]) if message.get("method") == "tools/call" else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return problem(400, "Bad Request")
    granted = set(caller.get("scope", "").split())
    if needed and needed not in granted:
        # The scopes of the token, too: the client asks for a new token with exactly these.
        wanted = " ".join(sorted({*granted, needed}))
        challenge = f'Bearer error="insufficient_scope", scope="{wanted}"'
        return problem(403, "Forbidden", **{"WWW-Authenticate": challenge})
    # The lifespan of an application ends with its request, so each request gets a new one.
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        # API Gateway accepts requests for its own hosts only.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # The message that was checked, so that no second reader of the body finds another tool in it.
    return dict(Mangum(app, lifespan="on")({**event, "body": json.dumps(message)}, context))


def problem(status: int, title: str, **headers: str) -> dict[str, Any]:
    """A response by RFC 9457."""
    body = {"type": "about:blank", "title": title, "status": status}
    cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "WWW-Authenticate"}
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/problem+json", **cors, **headers},
        "body": json.dumps(body),
    }
