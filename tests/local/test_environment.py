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
    added = environment.download(ODD, NOWHERE).items() - environment.clean(ODD).items()
    named = ("HTTP_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "PIP_INDEX_URL")
    index = {"PIP_CONFIG_FILE": os.devnull, "UV_DEFAULT_INDEX": ODD["PIP_INDEX_URL"]}
    index |= {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    assert dict(added) == {name: ODD[name] for name in named} | index


NOWHERE = Path("/nowhere")
MIRROR = "https://user:secret@mirror.example/simple"


@pytest.mark.parametrize("file", [".config/pip/pip.conf", ".pip/pip.conf"])
def test_a_download_has_the_index_of_pip_conf_and_none_of_its_other_settings(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(
        f"[global]\nindex-url = {MIRROR}\nuser = true\ntrusted-host =\n  a.example\n  b.example\n"
        "[install]\ntarget = /x\n",
        encoding="utf-8",
    )
    given = environment.download({"HOME": str(tmp_path)}, NOWHERE)
    assert (given["PIP_INDEX_URL"], given["UV_DEFAULT_INDEX"]) == (MIRROR, MIRROR)
    assert given["PIP_TRUSTED_HOST"] == given["UV_INSECURE_HOST"] == "a.example b.example"
    assert given["PIP_CONFIG_FILE"] == os.devnull
    assert not {"PIP_USER", "PIP_TARGET"} & given.keys()
    assert (
        environment.download({"HOME": str(tmp_path), "PIP_INDEX_URL": "https://other"})["PIP_INDEX_URL"]
        == "https://other"
    )


@pytest.mark.parametrize("text", [f'index-url = "{MIRROR}"', f'[[index]]\nurl = "{MIRROR}"\ndefault = true'])
def test_a_download_has_the_index_of_uv_toml_for_both_tools(text: str, tmp_path: Path) -> None:
    file = tmp_path / ".config/uv/uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    given = environment.download({"HOME": str(tmp_path)}, NOWHERE)
    assert (given["XDG_CONFIG_HOME"], given["PIP_INDEX_URL"]) == (str(tmp_path / ".config"), MIRROR)
    assert "UV_DEFAULT_INDEX" not in given


def test_where_uv_has_a_file_for_the_machine_the_index_of_pip_is_not_its_index(tmp_path: Path) -> None:
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/uv.toml").write_text("", encoding="utf-8")
    given = environment.download({"PIP_INDEX_URL": MIRROR, "PIP_EXTRA_INDEX_URL": MIRROR}, tmp_path)
    assert given["PIP_INDEX_URL"] == MIRROR
    assert not [name for name in given if name.startswith("UV_INDEX") or name == "UV_DEFAULT_INDEX"]


def test_credentials_of_an_index_reach_a_download_and_nothing_else() -> None:
    given = {"UV_INDEX_MIRROR_PASSWORD": "secret", "UV_INDEX_URL": MIRROR, "PIP_EXTRA_INDEX_URL": MIRROR}
    assert given.items() <= environment.download(given).items()
    assert not given.keys() & environment.clean(given).keys()


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
