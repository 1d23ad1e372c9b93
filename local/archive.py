"""Archive the output of `sam build` for a release.

``python -m local.archive FOLDER ARCHIVE --tag v0.2.0`` writes the archive and, next to it, its checksum. `--beside`
names other files of the release that get a checksum.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Final

from authorizer import VERSION

DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The date of each file, so that equal folders give equal archives: the earliest date of a zip, as SAM uses it."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Archive a folder that `sam build` made, and write its checksum.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="other files that get a checksum")
    parser.add_argument("--tag", help="the tag of the release, which must match the version")
    given = parser.parse_args()
    if given.tag and given.tag != f"v{VERSION}":
        print(
            f"The tag {given.tag} is not the version v{VERSION}. Correct the tag or src/authorizer/__init__.py.",
            file=sys.stderr,
        )
        return 1
    print(write(given.folder, given.archive), *map(checksum, given.beside), sep="\n")
    return 0


def write(folder: Path, archive: Path) -> str:
    """Archive all files of the folder. Return the checksum line, which is also in a file next to the archive."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), DATE)
            member.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
            written.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return checksum(archive)


def checksum(file: Path) -> str:
    """Return the checksum line of a file, as `sha256sum` writes it, and write it into a file next to it."""
    line = f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}"
    file.with_name(f"{file.name}.sha256").write_text(f"{line}\n", encoding="utf-8")
    return line


if __name__ == "__main__":
    sys.exit(main())
