"""`make run`, before it starts anything."""

from pathlib import Path

import pytest

from local.rules_copy import read
from local.step import StepError
from local.system import AUTH_FILE


def test_the_delivered_file_of_rules_is_accepted() -> None:
    read(AUTH_FILE)


def test_a_file_of_rules_with_mistakes_is_named_with_each_of_them(tmp_path: Path) -> None:
    file = tmp_path / "auth.toml"
    file.write_text('[[rule]]\nroute = "me"\nscopes = []\n', encoding="utf-8")
    with pytest.raises(StepError, match=r"auth\.toml has mistakes") as caught:
        read(file)
    assert [line.split(":")[0] for line in caught.value.details.splitlines()] == ["line 2", "line 3"]
