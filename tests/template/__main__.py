"""``python -m tests.template``: run checkov and cfn-lint's serverless rules, and report what exceptions.toml lacks.

A finding without a reason and a reason without a finding are both failures.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

PATTERNS: Final = ("template.yaml", "stacks/*/template.yaml", "examples/*/template.yaml")
TEMPLATES: Final = [str(path) for pattern in PATTERNS for path in sorted(Path().glob(pattern))]
EXCEPTIONS: Final = Path(__file__).with_name("exceptions.toml")
TOOLS: Final = Path(".tools/templates/bin")


@dataclass(frozen=True, order=True)
class Finding:
    """`where` has template and resource, such as ``template.yaml:Api``."""

    where: str
    check: str
    problem: str


def main() -> int:
    with ThreadPoolExecutor() as both:
        running = [both.submit(tool) for tool in (checkov, cfn_lint)]
        findings = sorted(finding for run in running for finding in run.result())
    exceptions = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))["exception"]
    complaints = [f"{found.where}: {found.check}: {found.problem}" for found in unexplained(findings, exceptions)]
    complaints += [f"{EXCEPTIONS.name}: no finding for {text}" for text in idle(findings, exceptions)]
    print("\n".join(complaints) or f"{len(findings)} findings in {len(TEMPLATES)} templates. Each has a reason.")
    return 1 if complaints else 0


def unexplained(findings: Iterable[Finding], exceptions: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return the findings that no exception covers."""
    known = list(exceptions)
    return [found for found in findings if not any(_is_about(exception, found) for exception in known)]


def idle(findings: Iterable[Finding], exceptions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each check and each place of an exception without a finding."""
    known = list(findings)
    return [
        text
        for exception in exceptions
        for member in ("check", "where")
        for text in exception[member]
        if not any(_is_about({**exception, member: [text]}, found) for found in known)
    ]


def _is_about(exception: Mapping[str, Any], found: Finding) -> bool:
    return found.check in exception["check"] and any(fnmatchcase(found.where, place) for place in exception["where"])


def checkov() -> Iterator[Finding]:
    files = [word for template in TEMPLATES for word in ("--file", template)]
    options = ("--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--output", "json")
    (report,) = _json("checkov", *options, *files)
    if report["summary"]["parsing_errors"] or not report["summary"]["resource_count"]:
        sys.exit("checkov could not read the templates.")
    for found in report["results"]["failed_checks"]:
        resource = found["resource"].rpartition(".")[2]
        yield Finding(f"{found['file_path'].lstrip('/')}:{resource}", found["check_id"], found["check_name"])


def cfn_lint() -> Iterator[Finding]:
    for found in _json("cfn-lint", "--append-rules", "cfn_lint_serverless.rules", "--format", "json", "--", *TEMPLATES):
        path = found["Location"]["Path"] or []
        resource = path[1] if len(path) > 1 else ""
        yield Finding(f"{found['Filename']}:{resource}", found["Rule"]["Id"], found["Message"])


def _json(tool: str, *arguments: str) -> list[Any]:
    """Return the output of a tool as a list. Its exit code only says whether there are findings."""
    finished = subprocess.run([TOOLS / tool, *arguments], check=False, capture_output=True, text=True)
    try:
        written = json.loads(finished.stdout)
    except ValueError:
        sys.exit(f"{tool} failed:\n{finished.stdout}{finished.stderr}")
    return written if isinstance(written, list) else [written]


if __name__ == "__main__":
    sys.exit(main())
