"""The same tokens through four verifiers; every disagreement must be explained in README.md."""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import joserfc.jwt
from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier
from joserfc.jwk import KeySet

from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.provider import Provider
from authorizer.refusal import Refusal
from tests.support.tokens import base64url, jwk, key_set, sign

HERE: Final = Path(__file__).parent
ISSUER: Final = "https://issuer.example/"
AUDIENCE: Final = "https://api.example"
ALGORITHMS: Final = {
    "RS256": "RS",
    "RS512": "RS",
    "PS256": "RS",
    "ES256": "ES256",
    "ES384": "ES384",
    "Ed25519": "Ed25519",
}
NOW: Final = int(time.time())

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def claim(name: str, value: Any) -> Change:
    return lambda _header, claims: claims.__setitem__(name, value)


def no_claim(name: str) -> Change:
    return lambda _header, claims: claims.pop(name)


def header(name: str, value: Any) -> Change:
    return lambda header, _claims: header.__setitem__(name, value)


def no_header(name: str) -> Change:
    return lambda header, _claims: header.pop(name)


BEFORE_SIGNING: Final[dict[str, Change]] = {
    "nothing changed": lambda _header, _claims: None,
    "exp in the past": claim("exp", NOW - 3600),
    "exp missing": no_claim("exp"),
    "exp as text": claim("exp", str(NOW + 600)),
    "exp true": claim("exp", True),
    "exp with a fraction": claim("exp", NOW + 600.5),
    "exp negative": claim("exp", -1),
    "exp huge": claim("exp", 10**30),
    "nbf in the future": claim("nbf", NOW + 3600),
    "nbf as text": claim("nbf", "x"),
    "iat in the future": claim("iat", NOW + 3600),
    "iat missing": no_claim("iat"),
    "iat as text": claim("iat", "x"),
    "sub missing": no_claim("sub"),
    "sub empty": claim("sub", ""),
    "sub a number": claim("sub", 7),
    "sub with a line feed": claim("sub", "a\nb"),
    "iss missing": no_claim("iss"),
    "iss of another": claim("iss", "https://other.example/"),
    "iss without its slash": claim("iss", ISSUER.rstrip("/")),
    "iss a list": claim("iss", [ISSUER]),
    "aud missing": no_claim("aud"),
    "aud of another": claim("aud", "other"),
    "aud a list with ours": claim("aud", ["other", AUDIENCE]),
    "aud a list with a number": claim("aud", [AUDIENCE, 7]),
    "aud nested": claim("aud", [[AUDIENCE]]),
    "cnf": claim("cnf", {"jkt": "x"}),
    "scope a number": claim("scope", 7),
    "typ at+jwt": header("typ", "at+jwt"),
    "typ missing": no_header("typ"),
    "typ dpop+jwt": header("typ", "dpop+jwt"),
    "typ a number": header("typ", 7),
    "kid missing": no_header("kid"),
    "kid unknown": header("kid", "unknown"),
    "kid a number": header("kid", 7),
    "crit with exp": header("crit", ["exp"]),
    "crit empty": header("crit", []),
    "b64 false": header("b64", False),
    "jku": header("jku", "https://evil.example/"),
    "alg none": header("alg", "none"),
    "alg HS256": header("alg", "HS256"),
    "alg a list": header("alg", ["RS256"]),
}
AFTER_SIGNING: Final[dict[str, Callable[[list[str]], str]]] = {
    "payload of another": lambda p: ".".join([p[0], base64url(b'{"sub":"admin"}'), p[2]]),
    "signature missing": lambda p: f"{p[0]}.{p[1]}.",
    "signature cut short": lambda p: f"{p[0]}.{p[1]}.{p[2][:40]}",
    "padding": lambda p: f"{p[0]}.{p[1]}.{p[2]}" + "=" * (-len(p[2]) % 4),
    "space after": lambda p: ".".join(p) + " ",
    "line feed after": lambda p: ".".join(p) + "\n",
    "a fourth part": lambda p: ".".join([*p, p[2]]),
}


def generate(count: int, seed: int) -> list[tuple[str, str, str]]:
    """What was done to a token, its algorithm, and the token."""
    chance = random.Random(seed)  # noqa: S311 - variety, not secrecy
    names = [*BEFORE_SIGNING, *AFTER_SIGNING, "duplicate member", "payload UTF-16", "unused bits"]
    made = []
    for _ in range(count):
        name, alg = chance.choice(names), chance.choice(list(ALGORITHMS))
        head: dict[str, Any] = {"alg": "EdDSA" if alg == "Ed25519" else alg, "typ": "JWT", "kid": alg}
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "iat": NOW - 60, "exp": NOW + 3600}
        if name in BEFORE_SIGNING:
            BEFORE_SIGNING[name](head, claims)
        payload = json.dumps(claims).encode()
        if name == "duplicate member":
            payload = payload[:-1] + b', "sub": "admin"}'
        if name == "payload UTF-16":
            payload = json.dumps(claims).encode("utf-16")
        signed = f"{base64url(json.dumps(head).encode())}.{base64url(payload)}"
        parts = [*signed.split("."), base64url(sign(signed.encode(), alg, ALGORITHMS[alg]))]
        text = AFTER_SIGNING.get(name, ".".join)(parts)
        made.append((name, alg, other_spelling(text) if name == "unused bits" else text))
    return made


def other_spelling(token: str) -> str:
    """The same bytes, with another last character where base64 leaves bits unused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(token.rsplit(".", 1)[1]) % 4 == 0:
        return token[:-1]
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def accepts(verify: Callable[[str], object], *refusals: type[Exception]) -> Callable[[str], bool]:
    def decide(token: str) -> bool:
        try:
            return verify(token) is not None
        except refusals:
            return False

    return decide


def verifiers(keys: list[dict[str, Any]]) -> dict[str, Callable[[str], bool]]:
    """By name, each a function that tells whether it accepts a token."""
    provider = Provider(ISSUER, frozenset({AUDIENCE}), "https://issuer.example/jwks.json")
    source = SigningKeys(
        provider,
        fetch=lambda _url, _seconds: key_set(*keys),
        clock=time.time,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )
    ours = JwtAuthenticator([(provider, source)], leeway_seconds=30, clock=time.time)
    algorithms = ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
    powertools = JWTVerifier(
        issuer=ISSUER, audience=AUDIENCE, algorithms=algorithms, jwks={"keys": keys}, clock_skew_seconds=30
    )
    joserfc_keys: Any = KeySet.import_key_set({"keys": keys})
    registry = joserfc.jwt.JWTClaimsRegistry(
        leeway=30, iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True}, sub={"essential": True},
    )  # fmt: skip

    def with_joserfc(token: str) -> dict[str, Any]:
        decoded = joserfc.jwt.decode(token, joserfc_keys, algorithms=algorithms)
        registry.validate(decoded.claims)
        return decoded.claims

    return {
        "ours": accepts(ours.authenticate, Refusal, KeysUnavailable),
        "powertools": accepts(powertools.verify, Exception),
        "joserfc": accepts(with_joserfc, Exception),
    }


def with_node(keys: list[dict[str, Any]], tokens: list[str]) -> list[bool]:
    request = json.dumps({"issuer": ISSUER, "audience": AUDIENCE, "jwks": {"keys": keys}, "tokens": tokens})
    answer = subprocess.run(["node", "verify.mjs"], cwd=HERE, input=request, capture_output=True, text=True, check=True)  # noqa: S607
    decisions: list[bool] = json.loads(answer.stdout)
    return decisions


def main() -> int:
    """1 when there is a disagreement that README.md does not name."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: make differential")
    parser.add_argument("--tokens", type=int, default=4000, help="how many (default: 4000)")
    parser.add_argument("--seed", type=int, default=1, help="other tokens for another seed (default: 1)")
    options = parser.parse_args()
    keys = [jwk(kind, kid=alg, alg="EdDSA" if alg == "Ed25519" else alg) for alg, kind in ALGORITHMS.items()]
    tokens = generate(options.tokens, options.seed)
    decisions = {name: [decide(token) for _what, _alg, token in tokens] for name, decide in verifiers(keys).items()}
    decisions["aws-jwt-verify"] = with_node(keys, [token for _what, _alg, token in tokens])
    differing: dict[tuple[str, str], int] = defaultdict(int)
    for index, (what, alg, _token) in enumerate(tokens):
        for peer in ("powertools", "joserfc", "aws-jwt-verify"):
            if decisions[peer][index] != decisions["ours"][index]:
                verdict = "accepts" if decisions[peer][index] else "refuses"
                unsupported = (peer, alg, verdict) == ("aws-jwt-verify", "PS256", "refuses")
                differing[f"{peer} {verdict}", "signed with PS256" if unsupported else what] += 1
    explained = (HERE / "README.md").read_text(encoding="utf-8")
    missing = 0
    for (verdict, what), count in sorted(differing.items()):
        row = re.search(rf"^\| {re.escape(what)} \| (.*?) \|", explained, re.MULTILINE)
        known = row is not None and verdict in row[1]
        missing += not known
        print(f"{'  ' if known else '? '}{verdict:24} {what:28} {count:5}")
    print(f"{len(tokens)} tokens, ours accepts {sum(decisions['ours'])}; {missing} disagreements are not explained.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
