"""Runs the authorizer of an artifact, in an interpreter that sees the artifact and the standard library alone.

``python -I -S driver.py ARTIFACT``. Requests and answers are JSON, one a line: see `interpreter.Artifact`.
"""

import base64
import io
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any


class NoTable:
    """In place of DynamoDB's client, which takes longer to make than all decisions about a JWT."""

    def get_item(self, **_arguments: object) -> dict[str, Any]:
        raise OSError("these tests have no table")


class Session:
    """One decider at a time, with a clock, and key sets that are given rather than fetched where there are any."""

    def __init__(self, artifact: Path) -> None:
        self._artifact = artifact
        self._now: float | None = None
        self._key_set: bytes | None = None
        self._fetched: list[str] = []
        self._decide: Any = None

    def build(self, env: dict[str, str], now: float | None, key_set: str | None, *, with_table: bool) -> None:
        from authorizer.composition import build

        given: dict[str, Any] = {}
        self._key_set = base64.b64decode(key_set) if key_set is not None else None
        if self._key_set is not None:
            given["fetch"] = self._fetch
        if not with_table:
            given["client"] = NoTable()
        self._now = now
        decider = build(
            env, self._artifact / "authorizer", clock=lambda: time.time() if self._now is None else self._now, **given
        )
        self._decide = decider.decide

    def start(self) -> None:
        """The function as Lambda starts it."""
        from authorizer.handler import lambda_handler

        self._decide = lambda event: lambda_handler(event, None)

    def set_clock(self, now: float) -> None:
        self._now = now

    def decide(self, event: object) -> dict[str, Any]:
        self._fetched.clear()
        try:
            answer = {"response": self._decide(event)}
        except Exception as error:
            answer = {"raised": type(error).__name__, "text": str(error)}
        return answer | {"fetched": list(self._fetched)}

    def times(self, event: object, count: int) -> list[int]:
        """Nanoseconds of each of so many decisions about the event, whose lines are written to nowhere."""
        found, before = [], sys.stdout
        with Path(os.devnull).open("w", encoding="utf-8") as sys.stdout:
            for _ in range(count):
                started = time.perf_counter_ns()
                try:
                    self._decide(event)
                except Exception as error:
                    if str(error) != "Unauthorized":
                        raise
                found.append(time.perf_counter_ns() - started)
        sys.stdout = before
        return found

    def verify(self, jwk: object, algorithm: str, message: str, signature: str) -> bool:
        from authorizer.signing_key import SigningKey

        return SigningKey.from_jwk(jwk).verifies(algorithm, base64.b64decode(message), base64.b64decode(signature))

    def threads(self) -> int:
        return threading.active_count()

    def modules(self) -> dict[str, str]:
        """Where each module that has been imported comes from."""
        return {name: file for name, module in list(sys.modules.items()) if (file := getattr(module, "__file__", None))}

    def _fetch(self, url: str, _seconds: float) -> bytes:
        self._fetched.append(url)
        assert self._key_set is not None
        return self._key_set


def main() -> None:
    artifact = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(artifact))
    requests, answers = sys.stdin, sys.stdout
    # What the function writes is part of an answer, so it must not come between two of them.
    sys.stdout = written = io.StringIO()
    session = Session(artifact)
    for line in requests:
        request = json.loads(line)
        try:
            answer = {"answer": getattr(session, request["call"])(**request["arguments"])}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer | {"written": written.getvalue()}), file=answers, flush=True)
        written.seek(0)
        written.truncate()


if __name__ == "__main__":
    main()
