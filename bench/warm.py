"""Decisions in a function that is warm, in this process, each with its log line and metric."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import botocore.session
import joserfc.jwt
import jwt
from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import KeySet

from authorizer import api_key
from authorizer.composition import build
from authorizer.decision import Decider, Unauthorized
from bench.backend import TABLE, Backend, event
from bench.cold import NODE
from tests.unit.tokens import AUDIENCE, ISSUER, claims, jwk, key_set, private_key, token

YEAR_2100: Final = 4_102_444_800
KEYS: Final = [jwk("RS", kid="rs"), jwk("ES256", kid="es")]
KEY_SET: Final = key_set(*KEYS)
TOKENS: Final = {
    "RS256": token(claims(exp=YEAR_2100), {"kid": "rs"}),
    "ES256": token(claims(exp=YEAR_2100), {"kid": "es"}, alg="ES256"),
}
ROUNDS: Final = 20

Case = Callable[[], object]


@dataclass(frozen=True)
class Time:
    """In microseconds."""

    median: float
    p99: float


def measure(backend: Backend, count: int) -> dict[str, Time]:
    """Each case `count` times. They take turns in rounds, so that all have the same weather."""
    with (
        _environment(backend.environment),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        _one_processor(),
    ):
        cases = {**_peers(), **_ours(backend)}
        for case in cases.values():
            case()
        times: dict[str, list[int]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, case in cases.items():
                times[name] += _repeated(case, max(count // ROUNDS, 5))
    measured = {name: _summary(sorted(values)) for name, values in times.items()}
    return measured | _node(count)


def _ours(backend: Backend) -> dict[str, Case]:
    kept = build(backend.environment | {"API_KEY_CACHE_SECONDS": "3600"}, Path("src/authorizer"))
    read = build(backend.environment | {"API_KEY_CACHE_SECONDS": "0"}, Path("src/authorizer"))
    key: str = event("api_key")["headers"]["Authorization"].removeprefix("Bearer ")
    wrong_checksum = key[:-1] + ("x" if key[-1] != "x" else "y")
    unknown_kid = token(claims(exp=YEAR_2100), {"kid": "unknown"})
    return {
        "ours, API key from DynamoDB": _decision(read, key),
        "ours, API key in memory": _decision(kept, key),
        **{f"ours, JWT {name}": _decision(kept, text) for name, text in TOKENS.items()},
        "ours, garbage": _decision(kept, "hello"),
        "ours, wrong checksum": _decision(kept, wrong_checksum),
        "ours, unknown kid": _decision(kept, unknown_kid),
        "ours, unknown API key": _decision(kept, api_key.generate("mak")),
    }


def _decision(decider: Decider, credential: str) -> Case:
    made: dict[str, Any] = event("api_key")
    made["headers"]["Authorization"] = f"Bearer {credential}"
    made["multiValueHeaders"]["Authorization"] = [f"Bearer {credential}"]

    def decide() -> None:
        with suppress(Unauthorized):
            decider.decide(made)

    return decide


def _peers() -> dict[str, Case]:
    client: Any = botocore.session.get_session().create_client("dynamodb")
    pk = event("api_key_item")["pk"]
    powertools = JWTVerifier(issuer=ISSUER, audience=AUDIENCE, algorithms=["RS256", "ES256"], jwks=json.loads(KEY_SET))
    keys: Any = KeySet.import_key_set({"keys": KEYS})
    registry = joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )
    cases: dict[str, Case] = {}
    for name, text in TOKENS.items():
        cases |= {
            f"OpenSSL through cryptography {name}": _raw(name, text),
            f"PyJWT.decode {name}": _pyjwt(name, text),
            f"joserfc {name}": _joserfc(name, text, keys, registry),
            f"Powertools' verifier {name}": _powertools(powertools, text),
            f"Powertools' authorizer {name}": _powertools_authorizer(powertools, text),
        }
    cases["botocore GetItem"] = lambda: client.get_item(TableName=TABLE, Key={"pk": pk})
    return cases


def _raw(name: str, text: str) -> Case:
    signed, _, last = text.rpartition(".")
    message, signature = signed.encode(), jwt.utils.base64url_decode(last)
    key: Any = private_key("RS" if name == "RS256" else name).public_key()
    if name == "RS256":
        return lambda: key.verify(signature, message, padding.PKCS1v15(), SHA256())
    numbers = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    return lambda: key.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(SHA256()))


def _pyjwt(name: str, text: str) -> Case:
    key: Any = private_key("RS" if name == "RS256" else name).public_key()
    return lambda: jwt.decode(text, key, algorithms=[name], audience=AUDIENCE, issuer=ISSUER)


def _joserfc(name: str, text: str, keys: Any, registry: Any) -> Case:
    return lambda: registry.validate(joserfc.jwt.decode(text, keys, algorithms=[name]).claims)


def _powertools(verifier: JWTVerifier, text: str) -> Case:
    return lambda: verifier.verify(text)


def _powertools_authorizer(verifier: JWTVerifier, text: str) -> Case:
    made: dict[str, Any] = event("jwt")
    made["headers"]["Authorization"] = f"Bearer {text}"
    made["multiValueHeaders"]["Authorization"] = [f"Bearer {text}"]
    return lambda: verifier.authorize(made, context_claims=["sub"])


def _node(count: int) -> dict[str, Time]:
    """The peers in Node, measured by themselves; none without Node."""
    if not (NODE / "node_modules").is_dir():
        return {}
    request = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": {"keys": KEYS}, "tokens": TOKENS, "count": count}
    answer = subprocess.run(
        [shutil.which("node") or "node", "warm.mjs"],
        cwd=NODE,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    return {f"Node: {name}": Time(*measured) for name, measured in json.loads(answer.stdout).items()}


def _repeated(case: Case, count: int) -> list[int]:
    times = []
    for _ in range(count):
        started = time.perf_counter_ns()
        case()
        times.append(time.perf_counter_ns() - started)
    return times


def _summary(times: list[int]) -> Time:
    return Time(times[len(times) // 2] / 1000, times[int(len(times) * 0.99)] / 1000)


@contextmanager
def _one_processor() -> Iterator[None]:
    """As in Lambda, where it is less than one. Handing a lookup to a thread on another costs as much as a decision."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The process's own variables, which botocore reads."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
