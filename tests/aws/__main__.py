"""Run the acceptance suite in an AWS account: `make acceptance ACCOUNT=123456789012`, or

python -m tests.aws ACCOUNT [--prefix multi-auth-accept-] [--boundary ARN] [--only NAME ...] [--yes]
"""

import argparse
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local import environment
from local.build import FOR_LAMBDA, build
from local.step import StepError, fail, say, step
from tests.aws import report
from tests.aws.check import Check
from tests.aws.checks import CHECKS
from tests.aws.deployed import Deployed
from tests.aws.place import Account, WrongAccount, check_account
from tests.aws.run import perform
from tests.aws.stacks import TAG, Stacks

PREFIX: Final = "multi-auth-accept-"
NOT_STARTED: Final = 2
INTERRUPTED: Final = 130

PLAN: Final = """\
The acceptance suite deploys into the account {account}, Region {region}:
  {run}-base    a Cognito user pool with one user, an S3 bucket for the artifact
  {run}-main    the authorizer, its table, the sample API, their roles and log groups
  {run}-alone   the authorizer without the sample API, with its own table
  {run}-rest    the example of a REST API, a function and its role
  {run}-http    the example of an HTTP API, a function and its role
  {run}-limiting, {run}-plans      the authorizer with usage plans, and their example: a REST API, a function, a role
  {run}-monitoring, {run}-events, {run}-usage   these optional stacks for {run}-main
  {run}-key, {run}-encrypted       a KMS key, and the authorizer with it
  {run}-old     the authorizer of version 0.2, and then of this version
  a table that is restored from that of {run}-main
It makes {checks} checks, some of which change the authorizer of {run}-main for seconds. Only the stacks that they need
are made. At the end, or when it is interrupted, it deletes these stacks by their IDs, and what they leave.
Time: about 90 minutes, most of them deployments, a restored table and an alarm. Costs: below one US dollar, at list
prices, for a few hundred requests, one active user of the pool, two hours of custom metrics, dashboards and alarms, a
KMS key and minutes of provisioned concurrency. Neither was measured. The KMS key is deleted after seven days.
Every resource has the tag {tag}={run}.
"""


def aws_session(env: Mapping[str, str] = os.environ) -> Any:
    """The session of the caller's shell. boto3 reads only AWS_DEFAULT_REGION; other AWS tools read AWS_REGION."""
    return boto3.Session(region_name=env.get("AWS_REGION"))


def main(
    arguments: Sequence[str] | None = None,
    session: Callable[[], Any] = aws_session,
    ask: Callable[[str], str] = input,
) -> int:
    """Returns the exit code: 0 if no check failed and nothing remained, 1 otherwise, 2 if nothing was made."""
    given = _parse(arguments)
    try:
        aws = session()
        check_account(aws, given.account)
    except WrongAccount as error:
        say(str(error))
        return NOT_STARTED
    except (BotoCoreError, ClientError) as error:
        say(f"AWS did not say whose credentials these are: {error}. Sign in, or set AWS_PROFILE.")
        return NOT_STARTED
    run = f"{given.prefix}{secrets.token_hex(4)}"
    region = aws.region_name
    say(PLAN.format(account=given.account, region=region, run=run, checks=len(given.only), tag=TAG))
    if not given.yes and not _confirmed(ask):
        say("Nothing was made.")
        return NOT_STARTED
    directory = Path(".local/acceptance") / run
    directory.mkdir(parents=True)
    try:
        with step("sam build"):
            build(environment.download(), directory / "sam-build.log", FOR_LAMBDA)
    except StepError as error:
        fail(error)
        return NOT_STARTED
    place = Account(aws, given.account, FOR_LAMBDA / "template.yaml", given.boundary)
    stacks = Stacks(place, run, directory)
    done = perform(Deployed(place, stacks, given.boundary), stacks, given.only)
    report.write(report.FILE, report.report(place, done.results, done.remnants))
    return _tell(done.results, done.remnants, run, interrupted=done.is_interrupted)


def _tell(results: Sequence[report.Result], remnants: Sequence[object], run: str, *, interrupted: bool) -> int:
    counts = {outcome: sum(each.outcome == outcome for each in results) for outcome in ("passed", "failed", "skipped")}
    say("\n" + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + f": see {report.FILE}")
    if remnants:
        say("These remained, and cost until they are deleted:\n" + "\n".join(f"  {each}" for each in remnants))
    else:
        say("All stacks were deleted, with their tables and log groups. To look for others:")
        say(f"  aws resourcegroupstaggingapi get-resources --tag-filters Key={TAG},Values={run}")
    if interrupted:
        return INTERRUPTED
    return 1 if counts["failed"] or remnants else 0


def _confirmed(ask: Callable[[str], str]) -> bool:
    try:
        return ask("Deploy? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        say("To run without a terminal, specify YES=1.")
        return False


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make acceptance",
        description="Deploy into an AWS account, check what the pages say about AWS, and delete everything.",
        epilog="Example: make acceptance ACCOUNT=123456789012 YES=1",
    )
    parser.add_argument("account", type=_account, help="the ID of the account in which to deploy; no other is touched")
    parser.add_argument("--prefix", type=_prefix, default=PREFIX, help="the first part of all names (%(default)s)")
    parser.add_argument("--boundary", default="", metavar="ARN", help="the permissions boundary of all roles")
    parser.add_argument(
        "--only", nargs="+", type=_check, default=CHECKS, metavar="NAME", help="make these checks alone"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(arguments)


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an account ID of twelve digits. Specify ACCOUNT=123456789012."
        )
    return text


def _prefix(text: str) -> str:
    # CloudFormation shortens the names of long stacks in those of resources, which must begin with the prefix.
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,28}-", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not at most 30 small letters, digits and hyphens, ending in a hyphen."
        )
    return text


def _check(text: str) -> Check:
    for each in CHECKS:
        if each.name == text:
            return each
    raise argparse.ArgumentTypeError(f"{text!r} is none of: {', '.join(each.name for each in CHECKS)}.")


if __name__ == "__main__":
    sys.exit(main())
