"""An identity provider of the tests' own: any token can be made, and its key server can be stopped."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

AUDIENCE: Final = "https://api.example"


class Issuer:
    """Signs tokens with one key, and serves its public half on loopback, besides `others`."""

    def __init__(self, *others: Mapping[str, Any]) -> None:
        self.key: RSAPrivateKey = generate_private_key(65537, 2048)
        jwk = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self._body = json.dumps({"keys": [{**jwk, "kid": "k1", "use": "sig", "alg": "RS256"}, *others]}).encode()
        self.fetches = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/jwks.json":
                    self.send_error(404)
                    return
                issuer.fetches += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(issuer._body)))
                self.end_headers()
                self.wfile.write(issuer._body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = f"{self.url}/jwks.json"

    @contextmanager
    def serving(self) -> Iterator["Issuer"]:
        thread = Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def provider(self) -> dict[str, str]:
        """This issuer as a member of `JWT_PROVIDERS`."""
        return {"issuer": self.url, "audience": AUDIENCE, "jwks_url": self.jwks_url}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "iat": now, "exp": now + 600} | changes

    def token(self, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token that is accepted, unless the changed claims or headers keep it from being so."""
        return jwt.encode(self.claims(**changes), self.key, algorithm="RS256", headers={"kid": "k1", **(headers or {})})
