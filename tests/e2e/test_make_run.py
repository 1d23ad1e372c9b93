"""`make run` as a newcomer meets it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OUTPUTS = Path(".local/outputs.json")


@pytest.mark.skipif(OUTPUTS.exists(), reason="`make run` is up in this checkout, and there can be one of it only")
def test_make_run_shows_three_calls_that_can_be_pasted_and_ends_on_ctrl_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "local", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("The keys command"):
                    break
            text = "".join(lines)
            assert re.findall(r"^(no credential|an API key|a JWT): (\d+)$", text, re.MULTILINE) == [
                ("no credential", "401"),
                ("an API key", "200"),
                ("a JWT", "200"),
            ]
            assert OUTPUTS.stat().st_mode & 0o077 == 0
            outputs = json.loads(OUTPUTS.read_text(encoding="utf-8"))
            assert outputs.keys() >= {
                *("api_url", "api_key", "jwt", "table", "issuer", "audience", "jwks_url", "endpoint_url", "region"),
            }
            pasted = [line for line in lines if line.startswith("curl ")]
            statuses = [
                subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.split()[1]  # noqa: S607
                for line in pasted
            ]
            assert statuses == ["401", "200", "200", "200", "403"]
            listed = subprocess.run(
                [".venv/bin/keys", "list", "--output", "json"], capture_output=True, text=True, check=True
            )
            assert [key["consumer"] for key in json.loads(listed.stdout)] == ["acme"]
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
        assert process.wait(30) == 0
    assert not OUTPUTS.exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
