"""`sam build` in folders with unusual names, with settings of pip, and in a container."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
from packaging.tags import sys_tags

from artifact.build import pip_environment
from local import environment
from local.build import SAM, build, overrides, target
from local.template_file import load
from tests.support.interpreter import running

AUTHORIZER = load(Path("template.yaml"))["Resources"]["Authorizer"]
CONTEXT = AUTHORIZER["Metadata"]["ContextPath"]["Fn::Sub"]
SETTINGS_OF_PIP = {
    "PIP_USER": "1",
    "PIP_TARGET": "/nonexistent",
    "PIP_PREFIX": "/nonexistent",
    "PIP_NO_BINARY": ":all:",
    "PIP_NO_DEPS": "1",
    "PIP_DRY_RUN": "1",
    "PIP_REQUIRE_VIRTUALENV": "1",
}


def differences(comparison: "filecmp.dircmp[str]") -> list[str]:
    found = comparison.left_only + comparison.right_only + comparison.diff_files + comparison.funny_files
    return found + [name for inner in comparison.subdirs.values() for name in differences(inner)]


def test_a_build_in_an_odd_folder_under_settings_of_pips_is_the_same(artifact: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "a blank, Zoë's & 日本"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree("src", checkout / "src", ignore=ignored)
    shutil.copy("template.yaml", checkout)
    command: list[str | Path] = [SAM.resolve(), "build", "--parameter-overrides", *overrides(target())]
    variables = environment.download() | SETTINGS_OF_PIP
    done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert differences(filecmp.dircmp(artifact, checkout / ".aws-sam/build/Authorizer", ignore=[])) == []


def test_a_build_with_the_two_folders_alone_that_a_container_has_is_the_same(artifact: Path, tmp_path: Path) -> None:
    """Run the commands of `sam build --use-container` with its mounts, but without a container.

    SAM CLI 1.170, `LambdaBuildContainer`: CodeUri is mounted as `source`, ContextPath as `manifest`.
    """
    context = CONTEXT
    for name, value in target().items():
        context = context.replace(f"${{{name}}}", value)
    shutil.copytree(AUTHORIZER["Properties"]["CodeUri"], tmp_path / "source")
    shutil.copytree(context, tmp_path / "manifest")
    parameters = {
        "__protocol_version": "0.3",
        "capability": {"language": "provided", "dependency_manager": None, "application_framework": None},
        "source_dir": f"{tmp_path}/source",
        "artifacts_dir": f"{tmp_path}/artifacts",
        "scratch_dir": f"{tmp_path}/scratch",
        "manifest_path": f"{tmp_path}/manifest/Makefile",
        "runtime": target()["PythonRuntime"],
        "architecture": target()["Architecture"],
        "optimizations": None,
        "options": {"build_logical_id": "Authorizer"},
    }
    (tmp_path / "scratch").mkdir()
    request = {"jsonschema": "2.0", "id": 1, "method": "LambdaBuilder.build", "params": parameters}
    command: list[str | Path] = [SAM.resolve().with_name("lambda-builders"), json.dumps(request)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment.download(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(filecmp.dircmp(artifact, tmp_path / "artifacts", ignore=[])) == []


def tags(artifact: Path) -> set[str]:
    """The platform tags of the wheel of a compiled library."""
    (wheel,) = artifact.glob("cryptography-*.dist-info/WHEEL")
    return set(re.findall(r"^Tag: (.+)$", wheel.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.skipif(
    not any("manylinux_2_28" in tag.platform for tag in sys_tags()), reason="this Linux takes Lambda's wheels alone"
)
def test_a_build_for_this_machine_takes_its_wheels_and_not_lambdas(artifact: Path, tmp_path: Path) -> None:
    """`make run` does this on macOS, where wheels for Lambda do not run. On a newer Linux, wheels differ as well."""
    folder = tmp_path / "build"
    build(environment.download(), tmp_path / "log", folder, host_wheels=True)
    assert tags(folder / "Authorizer").isdisjoint(tags(artifact))
    with running(folder / "Authorizer", API_KEYS_TABLE="keys") as function:
        function.start()


def test_a_runtime_that_is_not_installed_is_named() -> None:
    command = ["make", "-f", "artifact/function.mk", "RUNTIME=python3.99", "ARCHITECTURE=arm64", "build-Authorizer"]
    done = subprocess.run(command, cwd="src", capture_output=True, text=True, check=False)
    assert done.returncode
    assert "python3.99 is not on PATH" in done.stderr
    assert "PythonRuntime" in done.stderr


def test_a_python_without_pip_is_named(tmp_path: Path) -> None:
    """Such as the one of a virtual environment of uv."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    command = [python, "artifact/build.py", "--architecture", "arm64", "--package", "authorizer", str(tmp_path)]
    done = subprocess.run(command, cwd="src", capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"{python} has no pip" in done.stderr


def test_of_pips_settings_only_those_reach_the_build_that_say_where_packages_come_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://pypi.example/simple\nno-index = true\nno-deps = true\n"
        "[install]\ntrusted-host = a.example b.example\n[download]\nproxy = http://no.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_CERT", "/etc/our own.pem")
    for name, value in SETTINGS_OF_PIP.items():
        monkeypatch.setenv(name, value)
    made = pip_environment(["python3", "-m", "pip"])
    given = {name: value for name, value in made.items() if name.startswith("PIP_")}
    assert (
        given.items()
        >= {
            "PIP_INDEX_URL": "https://pypi.example/simple",
            "PIP_NO_INDEX": "true",
            "PIP_TRUSTED_HOST": "a.example b.example",
            "PIP_CERT": "/etc/our own.pem",
            "PIP_CONFIG_FILE": os.devnull,
        }.items()
    )
    assert not [text for pair in given.items() for text in pair if re.search("nonexistent|no.example|DEPS", text)]
