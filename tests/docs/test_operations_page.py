"""docs/operations.md names every reason of a refusal, and the permissions that the commands need."""

import re
from pathlib import Path

from authorizer.refusal import Reason

PAGE = Path("docs/operations.md").read_text(encoding="utf-8")


def test_every_reason_of_a_refusal_has_a_line_and_no_other() -> None:
    table = PAGE.partition("## Reasons")[2].partition("### Failed decisions")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(Reason)


def test_the_permissions_of_an_operator_are_those_that_the_writes_of_a_transaction_need() -> None:
    actions = set(re.findall(r'return \{"(\w+)": ', Path("src/keys/core/change.py").read_text(encoding="utf-8")))
    (listed,) = re.findall(r"^\| Operator of keys \|(.*)\|$", PAGE, re.MULTILINE)
    assert actions == {"Put", "Update", "Delete", "ConditionCheck"}
    assert {f"{action}Item" for action in actions} <= set(re.findall(r"`(?:dynamodb:)?(\w+)`", listed))
