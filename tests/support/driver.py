"""Runs the authorizer of an artifact in an interpreter that can import only the artifact and the standard library.

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
    """A substitute for the DynamoDB client, whose creation takes longer than all decisions about a JWT."""

    def get_item(self, **_arguments: object) -> dict[str, Any]:
        raise OSError("these tests have no table")


class Session:
    """One decider at a time, with its own clock and, if given, key sets that are not fetched."""

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
        """Start the function as Lambda does."""
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
        """The nanoseconds of each of `count` decisions about the event. Their log lines are discarded."""
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
        """The file of each imported module. This program is not imported."""
        this = sys.modules["__main__"]
        imported = {name: module for name, module in list(sys.modules.items()) if module is not this}
        return {name: file for name, module in imported.items() if (file := getattr(module, "__file__", None))}

    def _fetch(self, url: str, _seconds: float) -> bytes:
        self._fetched.append(url)
        assert self._key_set is not None
        return self._key_set


def main() -> None:
    artifact = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(artifact))
    requests, answers = sys.stdin, sys.stdout
    # The output of the function is part of a response, so it must not be written between two responses.
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
