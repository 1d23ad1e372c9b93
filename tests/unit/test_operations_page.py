"""docs/operations.md names every reason that a decision line may have."""

import re
from pathlib import Path

from authorizer.authentication import Reason

PAGE = Path("docs/operations.md").read_text(encoding="utf-8")
BEARER_REASONS = set(
    re.findall(r'BearerError\("([a-z_]+)"\)', Path("src/authorizer/bearer.py").read_text(encoding="utf-8"))
)


def test_every_reason_of_a_refusal_has_a_line_and_no_other() -> None:
    table = PAGE.partition("## Reasons")[2].partition("### Failed decisions")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|", table, re.MULTILINE)
    assert len(BEARER_REASONS) == 3
    assert sorted(listed) == sorted({reason.value for reason in Reason} | BEARER_REASONS)
