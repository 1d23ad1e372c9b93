"""Builds the artifact of a Python function: its code and its requirements, with compiled bytecode.

Run it with the runtime's Python version in the folder that contains the packages: ``python3.13 artifact/build.py
--architecture arm64 --package authorizer --service dynamodb OUTPUT``. Requirements are installed with hash checks, as
wheels for Lambda or, with ``--host-wheels``, for this machine. Libraries are not changed. Only the files in `NO_CODE`
are removed.
"""

import argparse
import ast
import compileall
import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}

NO_CODE = (
    "botocore/data/*/",  # Descriptions of AWS services, except those that the function calls.
    "boto3/data/*/",
    "boto3/examples/",  # Documentation.
    "**/*.pyi",
    "**/*.h",
    "**/__pycache__/",
    "bin/",  # Command-line scripts, which pip writes for the build machine.
)
"""Files that the function never reads. A pattern with a slash at the end matches folders only."""
SOURCES = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy")
"""pip's settings for package sources. Other settings are ignored, because they could change what is installed."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the artifact of a Python function.")
    parser.add_argument("--architecture", choices=PLATFORMS, required=True)
    parser.add_argument("--package", required=True, help="folder and import name of the function's code")
    parser.add_argument(
        "--with", action="append", default=[], dest="others", help="another package, without requirements"
    )
    parser.add_argument("--without-requirements", action="store_true", help="only the code of the package")
    parser.add_argument("--service", action="append", default=[], help="an AWS service that the function calls")
    parser.add_argument("output", type=Path)
    parser.add_argument("--host-wheels", action="store_true", help="install wheels for this machine instead of Lambda")
    given = parser.parse_args()
    platform = None if given.host_wheels else f"manylinux2014_{PLATFORMS[given.architecture]}"
    if not given.without_requirements:
        install(Path(given.package, "requirements.txt"), platform, given.output)
    prune(given.output, given.service)
    ignored = shutil.ignore_patterns("__pycache__", "requirements.*")
    for package in (given.package, *given.others):
        shutil.copytree(package, given.output / package, ignore=ignored, dirs_exist_ok=True)
        for outer in Path(package).parents[:-1]:
            shutil.copy(outer / "__init__.py", given.output / outer)
    compile_all(given.output)


def install(requirements: Path, platform: str | None, output: Path) -> None:
    """Install the wheels of a requirements file, for a platform or, if it is None, for this machine."""
    if importlib.util.find_spec("pip") is None:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(f"{sys.executable} has no pip. Put a {name} with pip before it on PATH.")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command = [*pip, "install", "--quiet", "--no-compile", "--root-user-action", "ignore"]
    command += ["--require-hashes", "--requirement", str(requirements), "--target", str(output)]
    command += ["--only-binary=:all:", *(["--platform", platform] if platform else [])]
    if subprocess.run(command, env=pip_environment(pip), check=False).returncode:
        sys.exit("The requirements could not be installed. See pip's message above.")


def pip_environment(pip: list[str]) -> dict[str, str]:
    """The environment for pip: of the user's settings, only `SOURCES`.

    They are not arguments, because every user of the machine can read the arguments of a process, and the URL of an
    index can contain credentials.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    # pip then reads no configuration file.
    return others | {"PIP_CONFIG_FILE": os.devnull} | dict(sources(pip))


def sources(pip: list[str]) -> Iterator[tuple[str, str]]:
    """The variables for the user's settings in `SOURCES`."""
    # With these variables, `pip config list` would list the settings of one file only.
    env = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_GLOBAL", "PIP_SITE")}
    listed = subprocess.run([*pip, "config", "list"], env=env, check=False, capture_output=True, text=True).stdout
    settings = [line.partition("=") for line in listed.splitlines()]
    for section in ("global", "install", ":env:"):  # In pip's order: a later one takes precedence.
        for setting, _, value in settings:
            name = setting.removeprefix(f"{section}.")
            if name not in SOURCES:
                continue
            yield f"PIP_{name.replace('-', '_').upper()}", " ".join(str(ast.literal_eval(value)).split("\n"))


def prune(output: Path, services: list[str]) -> None:
    kept = {output / library / "data" / service for library in ("boto3", "botocore") for service in services}
    for pattern in NO_CODE:
        for path in set(output.glob(pattern)) - kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_all(output: Path) -> None:
    """Compile to unchecked bytecode. Lambda changes file times, so a check by time would always fail."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(output, quiet=1, invalidation_mode=mode, stripdir=str(output), workers=0):
        sys.exit("The code could not be compiled. See the message above.")


if __name__ == "__main__":
    main()
