"""Writes the generated parts of the pages: see `pages`."""

from docs.pages import PAGES, renewed

for path in PAGES:
    path.write_text(renewed(path), encoding="utf-8")
