"""docs/operations.md names every reason of a refusal."""

import re
from pathlib import Path

from authorizer.refusal import Reason

PAGE = Path("docs/operations.md").read_text(encoding="utf-8")


def test_every_reason_of_a_refusal_has_a_line_and_no_other() -> None:
    table = PAGE.partition("\n## Reasons\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(Reason)
