"""docs/architecture.md tells of every module. What may import what is tested in tests/authorizer/test_rooms.py."""

from pathlib import Path


def test_the_page_names_every_module_of_the_authorizer() -> None:
    page = Path("docs/architecture.md").read_text(encoding="utf-8")
    names = {path.name for path in Path("src/authorizer").glob("*.py")} - {"__init__.py"}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
