"""What of the developer's environment reaches the processes of the local system: nothing that they do not need."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import environment

ODD = {
    "PATH": "/odd/bin:/bin",
    "HOME": "/nowhere",
    "TERM": "xterm",
    "LANG": "tr_TR.UTF-8",
    "LC_NUMERIC": "de_DE",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://user:secret@proxy.example:3128",
    "NO_PROXY": "example.com",
    "SSL_CERT_FILE": "/certificates.pem",
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL_DYNAMODB": "https://elsewhere.example",
    "AWS_CA_BUNDLE": "/nowhere",
    "PIP_USER": "1",
    "PIP_INDEX_URL": "https://elsewhere.example",
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONWARNINGS": "error",
    "SAM_CLI_BETA_FEATURES": "1",
    "UV_OFFLINE": "1",
    "VIRTUAL_ENV": "/nowhere",
    "MAKEFLAGS": "n",
    "TMPDIR": "/nowhere",
    "BASH_ENV": "/nowhere",
    "DOCKER_HOST": "unix:///nowhere",
    "JWT_ISSUER": "https://elsewhere.example",
}


def test_of_an_odd_environment_path_and_terminal_are_left() -> None:
    clean = environment.clean(ODD)
    assert {name: value for name, value in clean.items() if ODD.get(name) == value} == {"TERM": "xterm"}
    assert clean["PATH"].split(os.pathsep)[1:] == ["/odd/bin", "/bin"]
    assert Path(clean["PATH"].split(os.pathsep)[0]) == environment.ROOT / ".venv/bin"
    assert clean.keys() == {
        *("PATH", "TERM", "HOME", "LC_ALL", "PYTHONUTF8", "PYTHONNOUSERSITE"),
        *("NO_PROXY", "no_proxy", "SAM_CLI_TELEMETRY"),
    }


def test_cleaning_twice_is_cleaning_once() -> None:
    assert environment.clean(environment.clean(ODD)) == environment.clean(ODD)
    assert environment.clean({})["PATH"].endswith(os.defpath)


def test_a_download_has_the_way_to_the_registry_and_nothing_else() -> None:
    added = environment.download(ODD).items() - environment.clean(ODD).items()
    assert dict(added) == {name: ODD[name] for name in ("HTTP_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE")}


def test_docker_has_the_way_to_its_daemon_and_nothing_else() -> None:
    added = environment.docker(ODD).items() - environment.clean(ODD).items()
    assert dict(added) == {"DOCKER_HOST": "unix:///nowhere", "DOCKER_CONFIG": "/nowhere/.docker"}


def test_aws_clients_reach_the_emulator_and_no_account() -> None:
    given = environment.aws("http://127.0.0.1:1", "LOCAL1", "us-east-1")
    assert (given["AWS_ENDPOINT_URL"], given["AWS_ACCESS_KEY_ID"]) == ("http://127.0.0.1:1", "LOCAL1")
    assert given["AWS_CONFIG_FILE"] == given["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in given


@pytest.mark.parametrize("download", [False, True])
def test_as_a_program_it_becomes_a_command_in_that_environment(download: bool) -> None:
    show = f"{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps([dict(os.environ), os.umask(0)]))'"
    command = [sys.executable, "-I", "local/environment.py", *(["--download"] if download else [])]
    odd = ODD | {"PATH": os.environ["PATH"]}
    finished = subprocess.run(
        [*command, "sh", "-c", f"umask; exec {show}"], env=odd, capture_output=True, text=True, check=True, umask=0o777
    )
    mask, written = finished.stdout.splitlines()
    found, _ = json.loads(written)
    assert int(mask, 8) == 0o077
    expected = environment.download(odd) if download else environment.clean(odd)
    carried = {"MULTI_AUTH_SET_ASIDE", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {name: value for name, value in found.items() if name not in carried} == expected
    # What was set aside is found again by what needs it.
    if not download:
        assert environment.download(found)["https_proxy"] == ODD["https_proxy"]
        assert environment.docker(found)["DOCKER_HOST"] == ODD["DOCKER_HOST"]
        assert "MULTI_AUTH_SET_ASIDE" not in environment.clean(found)


def test_the_tests_themselves_run_in_it() -> None:
    assert not [name for name in os.environ if name.startswith(("AWS_", "PIP_", "HTTP"))]
    assert os.environ["HOME"] == str(environment.HOME)


def test_two_that_are_to_be_alone_run_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    program = shutil.copy("local/environment.py", tmp_path / "local")
    alone = [sys.executable, "-I", program, "--alone"]
    with subprocess.Popen([*alone, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("begun\n")
        first.stdin.flush()
        assert first.stdout.readline() == "begun\n"
        with subprocess.Popen(
            [*alone, "echo", "done"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "Another make is setting up this checkout. Waiting for it to finish.\n"
            assert second.poll() is None
            first.stdin.close()
            assert second.communicate() == ("done\n", "")
