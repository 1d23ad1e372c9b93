"""The workflows of CI and release, read as GitHub reads them: what they run is there, and is what was looked at."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.template_file import load

FOLDER = Path(".github/workflows")
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))
}
TARGETS = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def steps(*names: str) -> Iterator[dict[str, Any]]:
    for name in names or WORKFLOWS:
        for job in WORKFLOWS[name]["jobs"].values():
            yield from job["steps"]


def commands() -> str:
    """All that the workflows run, themselves and in their script."""
    return "\n".join([*(step.get("run", "") for step in steps()), Path(".ci/run").read_text(encoding="utf-8")])


def test_there_are_one_for_changes_and_one_for_releases() -> None:
    # YAML takes `on` for a truth value.
    triggers = {name: WORKFLOWS[name][True] for name in WORKFLOWS}
    assert triggers == {
        "ci.yml": {"push": {"branches": ["main"]}, "pull_request": None},
        "release.yml": {"push": {"tags": ["v*"]}},
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_pinned_by_its_commit_with_the_version_beside_it(name: str) -> None:
    used = [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert re.fullmatch(r"\s*- uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+", line), line


def test_one_action_has_one_commit() -> None:
    pinned = {step["uses"] for step in steps() if "uses" in step}
    assert len(pinned) == len({action.split("@")[0] for action in pinned})


def test_what_make_is_asked_for_is_in_the_makefile() -> None:
    asked = set(re.findall(r"^(?:- run: )?make ([a-z-]+)", commands(), re.MULTILINE))
    assert {"check", "test", "archive"} <= asked <= TARGETS


def test_a_job_can_read_and_only_the_one_that_publishes_can_write_contents() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"}
    jobs = {name: job for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items()}
    given = {name: job["permissions"] for name, job in jobs.items() if "permissions" in job}
    assert given == {
        "build": {"contents": "read", "id-token": "write", "attestations": "write"},
        "publish": {"contents": "write"},
    }


def test_archives_and_the_wheel_have_an_attestation_of_its_build_provenance() -> None:
    build = WORKFLOWS["release.yml"]["jobs"]["build"]["steps"]
    uses = [step.get("uses", "").partition("@")[0] for step in build]
    attested = uses.index("actions/attest-build-provenance")
    assert build[attested]["with"] == {"subject-path": "dist/*.zip\ndist/*.whl\n"}
    assert attested < uses.index("actions/upload-artifact")


def test_no_command_contains_an_expression_of_github() -> None:
    assert not [step["run"] for step in steps() if "${{" in step.get("run", "")]


def test_a_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_nothing_from_outside_is_put_into_a_command() -> None:
    assert "${{" not in commands()


def test_a_release_has_an_archive_for_each_runtime_and_processor_of_the_template() -> None:
    parameters = load(Path("template.yaml"))["Parameters"]
    matrix = WORKFLOWS["release.yml"]["jobs"]["build"]["strategy"]["matrix"]
    assert [f"python{version}" for version in matrix["python"]] == parameters["PythonRuntime"]["AllowedValues"]
    assert matrix["architecture"] == parameters["Architecture"]["AllowedValues"]


def test_a_release_is_built_after_the_tests_and_published_after_all_builds() -> None:
    jobs = WORKFLOWS["release.yml"]["jobs"]
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("test", "build")


def test_each_job_ends_in_time() -> None:
    assert all("timeout-minutes" in job for workflow in WORKFLOWS.values() for job in workflow["jobs"].values())


def test_dependency_updates_know_each_locked_file() -> None:
    updates = yaml.safe_load(Path(".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    known = {(u["package-ecosystem"], d) for u in updates for d in u.get("directories", [u.get("directory")])}
    locked = [
        (kind, path)
        for folder in ("requirements", "src", "bench", "docs", "examples", "tests")
        for kind, pattern in (("pip", "*.txt"), ("npm", "package-lock.json"))
        for path in Path(folder).rglob(pattern)
        if "node_modules" not in path.parts and (kind == "npm" or "--hash=" in path.read_text(encoding="utf-8"))
    ]
    found = {(kind, f"/{path.parent}") for kind, path in locked}
    assert known == found | {("github-actions", "/")}
