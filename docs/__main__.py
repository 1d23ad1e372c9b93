"""Writes the generated parts of the pages, see `pages`, and the description of an API, see `self_service`."""

from docs import self_service
from docs.pages import PAGES, renewed

for path in PAGES:
    path.write_text(renewed(path), encoding="utf-8")
self_service.FILE.write_text(self_service.text(), encoding="utf-8")
