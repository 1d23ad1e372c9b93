"""The README's pictures are drawn from their sources, and readable on light and on dark ground."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from local import environment

DRAWING = Path("docs/drawing")
SOURCES = sorted(Path("docs").glob("*.dot"))


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_a_picture_is_of_the_source_and_style_that_are_here(source: Path) -> None:
    digest = hashlib.sha256(source.read_bytes() + (DRAWING / "style.css").read_bytes()).hexdigest()
    assert f"<!-- source {digest} -->" in source.with_suffix(".svg").read_text(encoding="utf-8"), "run: make picture"


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_all_text_of_the_source_is_in_the_picture(source: Path) -> None:
    picture = Xml.parse(source.with_suffix(".svg"))  # noqa: S314 - our own
    shown = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    labels = re.findall(r'label="([^"]+)"', source.read_text(encoding="utf-8"))
    assert {line for label in labels for line in label.split("\\n")} == shown


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_its_text_has_the_contrast_that_wcag_asks_for(scheme: int) -> None:
    style = re.findall(r"svg \{ (--.*?) \}", (DRAWING / "style.css").read_text(encoding="utf-8"))[scheme]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", style))
    for text, ground in [
        ("text", "ground"),
        ("text", "box"),
        ("text", "ours"),
        ("faint", "ground"),
        ("cached", "ground"),
    ]:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.long
def test_drawing_it_again_gives_the_same(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("needs Node")
    folder = tmp_path / "docs"
    shutil.copytree(DRAWING, folder / "drawing", ignore=shutil.ignore_patterns("node_modules"))
    for source in SOURCES:
        shutil.copy(source, folder)
    for command in (["npm", "ci", "--silent", "--no-audit", "--no-fund"], ["node", "draw.mjs"]):
        subprocess.run(command, cwd=folder / "drawing", env=environment.download(), check=True)
    for source in SOURCES:
        picture = source.with_suffix(".svg")
        assert (folder / picture.name).read_bytes() == picture.read_bytes()
