"""No link of the documentation is dead. Those to other sites are looked at by form alone: tests need no network."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import PAGES, anchors, links


def fault(page: Path, target: str) -> str | None:
    """What is wrong with a link of the page's."""
    url = urlsplit(target)
    if url.scheme or url.netloc:
        is_well_formed = url.scheme in ("https", "mailto") and (url.scheme == "mailto" or "." in url.netloc)
        return None if is_well_formed else "is no https URL"
    path = (page.parent / unquote(url.path)).resolve() if url.path else page.resolve()
    if not path.is_relative_to(Path.cwd()) or not path.exists():
        return "leads to no file of this repository"
    if url.fragment and (path.suffix != ".md" or url.fragment not in anchors(path)):
        return "leads to no heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_link_of_a_page_leads_somewhere(page: Path) -> None:
    faults = {target: fault(page, target) for target in links(page)}
    assert not {target: what for target, what in faults.items() if what}


def test_pages_of_docs_are_reached_from_the_readme() -> None:
    reached, next_ones = set(), {Path("README.md").resolve()}
    while next_ones:
        page = next_ones.pop()
        reached.add(page)
        targets = {(page.parent / unquote(urlsplit(link).path)).resolve() for link in links(page)}
        next_ones |= {path for path in targets if path.suffix == ".md" and path.is_file()} - reached
    assert {path.resolve() for path in Path("docs").glob("*.md")} <= reached


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("missing.md", "leads to no file of this repository"),
        ("../../etc/passwd", "leads to no file of this repository"),
        ("#missing", "leads to no heading"),
        ("http://example.com/", "is no https URL"),
        ("https://example.com/", None),
        ("LICENSE", None),
    ],
)
def test_a_dead_link_is_found(target: str, what: str | None) -> None:
    assert fault(Path("README.md"), target) == what
