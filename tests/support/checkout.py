"""A copy of this checkout, in which `make run` can run beside the one of another checkout."""

import shutil
from pathlib import Path
from typing import Final

from local.build import FOLDER

INSTALLED: Final = (".venv", ".tools")
NOT_COPIED: Final = (
    *INSTALLED,
    *(".git", ".local", ".aws-sam", "node_modules", "__pycache__", "*_cache", ".hypothesis"),
)


def copy_checkout(root: Path, folder: Path) -> None:
    """Copy the checkout `root` to a new folder, with links to what is installed in it, and with its last build."""
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
    for name in INSTALLED:
        # As if it had just been set up: make must not do so anew, into what everybody uses.
        (folder / name).mkdir()
        for installed in (root / name).iterdir():
            if installed.name != "ready":
                (folder / name / installed.name).symlink_to(installed)
        (folder / name / "ready").touch()
    # Reuses the last build if no input has changed.
    (folder / FOLDER).parent.mkdir()
    for built in (FOLDER, FOLDER.with_suffix(".json")):
        if built.exists():
            (shutil.copytree if built.is_dir() else shutil.copy)(built, folder / built)
