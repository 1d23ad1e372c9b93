"""Measure warm decisions of the artifact in its own interpreter, each with log line and metric, and of its peers."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3
import joserfc.jwt
import jwt
from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import KeySet

from authorizer import api_key
from bench.backend import TABLE, Backend, event
from bench.cold import NODE
from tests.support.interpreter import Artifact, running
from tests.support.tokens import AUDIENCE, ISSUER, claims, jwk, key_set, private_key, token

YEAR_2100: Final = 4_102_444_800
KEYS: Final = [jwk("RS", kid="rs"), jwk("ES256", kid="es")]
KEY_SET: Final = key_set(*KEYS)
TOKENS: Final = {
    "RS256": token(claims(exp=YEAR_2100), {"kid": "rs"}),
    "ES256": token(claims(exp=YEAR_2100), {"kid": "es"}, alg="ES256"),
}
ROUNDS: Final = 20

Case = Callable[[int], list[int]]
"""Runs something a number of times and returns the nanoseconds of each."""


@dataclass(frozen=True)
class Time:
    """In microseconds."""

    median: float
    p99: float


def measure(backend: Backend, artifact: Path, count: int) -> tuple[dict[str, Time], dict[str, str]]:
    """Return the times of each case, run `count` times, and the versions of the libraries in the artifact.

    The cases take turns in rounds, so that all run under the same load.
    """
    kept = {"API_KEY_CACHE_SECONDS": "3600"}
    read = {"API_KEY_CACHE_SECONDS": "0"}
    with (
        _environment(backend.environment),
        _one_processor(),
        running(artifact, **backend.environment | kept) as keeping,
        running(artifact, **backend.environment | read) as reading,
    ):
        versions = keeping.start()["versions"]
        reading.start()
        cases = {**_peers(), **_ours(keeping, reading)}
        for case in cases.values():
            case(1)
        times: dict[str, list[int]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, case in cases.items():
                times[name] += case(max(count // ROUNDS, 5))
    measured = {name: _summary(sorted(values)) for name, values in times.items()}
    return measured | _node(count), versions


def _ours(keeping: Artifact, reading: Artifact) -> dict[str, Case]:
    key: str = event("api_key")["headers"]["Authorization"].removeprefix("Bearer ")
    wrong_checksum = key[:-1] + ("x" if key[-1] != "x" else "y")
    unknown_kid = token(claims(exp=YEAR_2100), {"kid": "unknown"})
    return {
        "multi-auth, API key from DynamoDB": _decision(reading, key),
        "multi-auth, API key in memory": _decision(keeping, key),
        **{f"multi-auth, JWT {name}": _decision(keeping, text) for name, text in TOKENS.items()},
        "multi-auth, unrecognized token": _decision(keeping, "hello"),
        "multi-auth, wrong checksum": _decision(keeping, wrong_checksum),
        "multi-auth, unknown kid": _decision(keeping, unknown_kid),
        "multi-auth, unknown API key": _decision(keeping, api_key.generate("mak")),
    }


def _decision(artifact: Artifact, credential: str) -> Case:
    made: dict[str, Any] = event("api_key")
    made["headers"]["Authorization"] = f"Bearer {credential}"
    made["multiValueHeaders"]["Authorization"] = [f"Bearer {credential}"]
    return partial(artifact.times, made)


def _peers() -> dict[str, Case]:
    client: Any = boto3.client("dynamodb")
    pk = event("api_key_item")["pk"]
    powertools = JWTVerifier(issuer=ISSUER, audience=AUDIENCE, algorithms=["RS256", "ES256"], jwks=json.loads(KEY_SET))
    keys: Any = KeySet.import_key_set({"keys": KEYS})
    registry = joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )
    cases: dict[str, Callable[[], object]] = {}
    for name, text in TOKENS.items():
        cases |= {
            f"OpenSSL through cryptography {name}": _raw(name, text),
            f"PyJWT.decode {name}": _pyjwt(name, text),
            f"joserfc {name}": _joserfc(name, text, keys, registry),
            f"Powertools' verifier {name}": _powertools(powertools, text),
            f"Powertools' authorizer {name}": _powertools_authorizer(powertools, text),
        }
    cases["boto3 GetItem"] = lambda: client.get_item(TableName=TABLE, Key={"pk": pk})
    return {name: partial(_repeated, case) for name, case in cases.items()}


def _raw(name: str, text: str) -> Callable[[], object]:
    signed, _, last = text.rpartition(".")
    message, signature = signed.encode(), jwt.utils.base64url_decode(last)
    key: Any = private_key("RS" if name == "RS256" else name).public_key()
    if name == "RS256":
        return lambda: key.verify(signature, message, padding.PKCS1v15(), SHA256())
    numbers = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    return lambda: key.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(SHA256()))


def _pyjwt(name: str, text: str) -> Callable[[], object]:
    key: Any = private_key("RS" if name == "RS256" else name).public_key()
    return lambda: jwt.decode(text, key, algorithms=[name], audience=AUDIENCE, issuer=ISSUER)


def _joserfc(name: str, text: str, keys: Any, registry: Any) -> Callable[[], object]:
    return lambda: registry.validate(joserfc.jwt.decode(text, keys, algorithms=[name]).claims)


def _powertools(verifier: JWTVerifier, text: str) -> Callable[[], object]:
    return lambda: verifier.verify(text)


def _powertools_authorizer(verifier: JWTVerifier, text: str) -> Callable[[], object]:
    made: dict[str, Any] = event("jwt")
    made["headers"]["Authorization"] = f"Bearer {text}"
    made["multiValueHeaders"]["Authorization"] = [f"Bearer {text}"]
    return lambda: verifier.authorize(made, context_claims=["sub"])


def _node(count: int) -> dict[str, Time]:
    """Return the times that the Node peers measure themselves, or none without Node."""
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


def _repeated(case: Callable[[], object], count: int) -> list[int]:
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
    """Pin this process to one processor, as Lambda does: a thread on another one would cost as much as a decision."""
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
    """Set environment variables of this process, which botocore reads."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
