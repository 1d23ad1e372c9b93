"""The archives of a release: whole, equal for equal folders, and with a checksum that `sha256sum` takes."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from authorizer import VERSION
from local.archive import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    (folder / "Authorizer").mkdir(parents=True)
    (folder / "template.yaml").write_text("Resources: {}\n", encoding="utf-8")
    (folder / "Authorizer" / "module.py").write_text("VALUE = 1\n", encoding="utf-8")
    return folder


def test_an_archive_holds_each_file_of_the_folder(folder: Path, tmp_path: Path) -> None:
    write(folder, tmp_path / "dist" / "a.zip")
    with zipfile.ZipFile(tmp_path / "dist" / "a.zip") as archive:
        assert archive.namelist() == ["Authorizer/module.py", "template.yaml"]
        assert archive.read("Authorizer/module.py") == b"VALUE = 1\n"


def test_its_checksum_is_checked_by_sha256sum(folder: Path, tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not here")
    write(folder, tmp_path / "a.zip")
    command = ["sha256sum", "--check", "--strict", "a.zip.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "a.zip").write_bytes(b"another")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_equal_folders_make_equal_archives(folder: Path, tmp_path: Path) -> None:
    first = write(folder, tmp_path / "a.zip")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "template.yaml").touch()
    assert write(copy, tmp_path / "b" / "a.zip") == first


@pytest.mark.parametrize(("tag", "code"), [(f"v{VERSION}", 0), (VERSION, 1), ("v99.0.0", 1)])
def test_a_tag_that_is_not_the_versions_is_refused(tag: str, code: int, folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.archive", str(folder), str(tmp_path / "a.zip"), "--tag", tag]
    assert subprocess.run(command, check=False, capture_output=True).returncode == code
    assert (tmp_path / "a.zip").exists() == (code == 0)


def test_a_file_beside_the_archive_gets_a_checksum_too(folder: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "keys.whl"
    wheel.write_bytes(b"wheel")
    command = [sys.executable, "-m", "local.archive", str(folder), str(tmp_path / "a.zip"), "--beside", str(wheel)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = (tmp_path / "keys.whl.sha256").read_text(encoding="utf-8")
    assert line == f"{hashlib.sha256(b'wheel').hexdigest()}  keys.whl\n"
    assert line in printed
