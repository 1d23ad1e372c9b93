"""An identity provider of the tests' own: any token can be made, and its key server can be stopped."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from local import http_server

AUDIENCE: Final = "https://api.example"


class Issuer:
    """Signs tokens with one key, and serves its public half on loopback, besides `others`."""

    def __init__(self, *others: Mapping[str, Any]) -> None:
        self._others = others
        self.key: RSAPrivateKey = generate_private_key(65537, 2048)
        self.url = ""
        self.fetches = 0

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks.json"

    @contextmanager
    def serving(self) -> Iterator["Issuer"]:
        jwk = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        key_set = json.dumps({"keys": [{**jwk, "kid": "k1", "use": "sig", "alg": "RS256"}, *self._others]}).encode()
        issuer = self

        class Handler(http_server.Handler):
            def do_GET(self) -> None:
                if self.path != "/jwks.json":
                    self.answer(404, b"")
                    return
                issuer.fetches += 1
                self.answer(200, key_set)

        with http_server.serving(Handler) as self.url:
            yield self

    def provider(self) -> dict[str, str]:
        """This issuer as a `[[provider]]` table."""
        return {"issuer": self.url, "audience": AUDIENCE, "jwks_url": self.jwks_url}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "iat": now, "exp": now + 600} | changes

    def token(self, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token that is accepted, unless the changed claims or headers keep it from being so."""
        return jwt.encode(self.claims(**changes), self.key, algorithm="RS256", headers={"kid": "k1", **(headers or {})})
