"""An MCP client for people, who sign in, and for machines, which have the environment variable API_KEY.

`python client.py URL TOOL [ARGUMENTS]` prints the answer of a tool. Each HTTP request is a line on standard error.
"""

import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl


class Memory:
    """Tokens and the registration, for one run. A real client keeps them."""

    tokens: OAuthToken | None = None
    registration: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.registration

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.registration = client_info


class SignIn:
    """Receives the redirects of the browser on loopback."""

    def __init__(self) -> None:
        self.found: SimpleQueue[dict[str, list[str]]] = SimpleQueue()
        found = self.found

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found.put(parse_qs(urlsplit(self.path).query))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"You can close this window.")

            def log_message(self, *_arguments: object) -> None:
                """Print nothing: the query has the code."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    async def redirect(self, url: str) -> None:
        print(f"Sign in: {url}", file=sys.stderr, flush=True)

    async def callback(self) -> AuthorizationCodeResult:
        query = {name: values[0] for name, values in (await asyncio.to_thread(self.found.get)).items()}
        if "code" not in query:
            raise SystemExit(f"The identity provider refused: {query.get('error_description', query.get('error'))}")
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def told(response: httpx2.Response) -> None:
    request = response.request
    challenge = response.headers.get("WWW-Authenticate", "")
    place = str(request.url).partition("?")[0]
    print(f"{request.method} {place} {response.status_code} {challenge}".rstrip(), file=sys.stderr, flush=True)


async def main(url: str, tool: str, arguments: str = "{}") -> None:
    given: dict[str, Any] = {"event_hooks": {"response": [told]}, "timeout": 60}
    if key := os.environ.get("API_KEY"):
        given["headers"] = {"Authorization": f"Bearer {key}"}
    else:
        sign_in = SignIn()
        metadata = OAuthClientMetadata(
            client_name="Example client",
            redirect_uris=[AnyUrl(sign_in.url)],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",  # noqa: S106 - not a password
            application_type="native",
        )
        given["auth"] = OAuthClientProvider(
            server_url=url,
            client_metadata=metadata,
            storage=Memory(),
            redirect_handler=sign_in.redirect,
            callback_handler=sign_in.callback,
        )
    async with (
        httpx2.AsyncClient(**given) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        answer = await client.call_tool(tool, json.loads(arguments))
        print("\n".join(each.text for each in answer.content if each.type == "text"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
