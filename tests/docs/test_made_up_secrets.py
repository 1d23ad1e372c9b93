"""The made-up credentials of this repository are only where .gitleaks.toml tells a secret scanner to permit them."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

FORMS = {
    "a JWT": rb"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}",
    "an access key of AWS": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64,}",
    "an API key": rb"\bmak_[A-Za-z0-9]{32}_[A-Za-z0-9]{6}\b",
}
ALLOWED = [
    re.compile(path)
    for allowed in tomllib.loads(Path(".gitleaks.toml").read_text(encoding="utf-8"))["allowlists"]
    for path in allowed["paths"]
]


def files() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False).stdout
    return [name for name in listed.decode().split("\0") if name and Path(name).is_file()]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("a JWT", f"x eyJ{'a' * 20}.eyJ{'b' * 20}.c"),
        ("an access key of AWS", "AKIAIOSFODNN7EXAMPLE"),
        ("a private key", f"-----BEGIN PRIVATE KEY-----\n{'A' * 64}\n"),
        ("an API key", f"mak_{'0' * 32}_000000"),
    ],
)
def test_each_form_is_recognised(form: str, text: str) -> None:
    assert re.search(FORMS[form], text.encode())


@pytest.mark.skipif(not Path(".git").exists(), reason="without git, its own files are not known")
@pytest.mark.parametrize("form", FORMS)
def test_outside_the_allowed_places_nothing_looks_like_a_secret(form: str) -> None:
    found = [name for name in files() if re.search(FORMS[form], Path(name).read_bytes())]
    assert [name for name in found if not any(allowed.search(name) for allowed in ALLOWED)] == []
