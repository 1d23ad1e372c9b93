"""What is said before and after the steps of the local system."""

from pathlib import Path

import pytest

from local.step import StepError, demand_space


def test_a_disk_that_is_too_full_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    demand_space(tmp_path, 1)
    with pytest.raises(StepError, match=r"has \d+ MB of free space. At least 1000000000 MB are required"):
        demand_space(tmp_path, 10**9)
