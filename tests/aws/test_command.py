"""`make acceptance` runs only in the named account, tells what it makes, and deletes it whatever happens."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from local.template_file import load
from tests.aws.__main__ import NOT_STARTED, aws_session, main
from tests.aws.check import Check, Failed, Skipped
from tests.aws.checks import CHECKS
from tests.aws.deployed import HTTP, REST
from tests.aws.model import ACCOUNT, Model
from tests.aws.place import WrongAccount, check_account
from tests.aws.report import Result, report, write
from tests.aws.run import INTERRUPTED, Run, perform
from tests.aws.stacks import Remnant, bounded
from tests.support.policies import filled, permits


class Client:
    """The client of a service, of a session whose credentials are of an account."""

    def __init__(self, account: str, url: str) -> None:
        self._account = account
        self.meta = self
        self.endpoint_url = url

    def get_caller_identity(self) -> Mapping[str, str]:
        return {"Account": self._account}


class Session:
    def __init__(self, account: str = ACCOUNT, region: str | None = "eu-central-1", url: str | None = None) -> None:
        self._account = account
        self._url = url
        self.region_name = region

    def client(self, service: str) -> Client:
        return Client(self._account, self._url or f"https://{service}.{self.region_name}.amazonaws.com")


class Stacks:
    """Counts deletions."""

    def __init__(self, remnants: tuple[Remnant, ...] = ()) -> None:
        self.deletions = 0
        self._remnants = remnants

    def delete(self) -> list[Remnant]:
        self.deletions += 1
        return list(self._remnants)


def check(run: Callable[[Any], None], name: str = "a_check", not_on_emulator: str | None = None) -> Check:
    return Check(name, "README.md", "A statement.", run, (), not_on_emulator)


def performed(*checks: Check, stacks: Stacks | None = None) -> Run:
    model: Any = Model()
    return perform(model, stacks or Stacks(), checks)


def test_another_account_than_the_named_one_is_refused() -> None:
    with pytest.raises(WrongAccount, match="of account 210987654321, not of ACCOUNT=123456789012"):
        check_account(Session("210987654321"), ACCOUNT)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "https://amazonaws.com.example", "https://localhost"])
def test_an_endpoint_that_is_not_aws_is_refused(url: str) -> None:
    with pytest.raises(WrongAccount, match="which is not AWS"):
        check_account(Session(url=url), ACCOUNT)


def test_a_session_without_a_region_is_refused() -> None:
    with pytest.raises(WrongAccount, match="Set AWS_REGION"):
        check_account(Session(region=None), ACCOUNT)


def test_the_region_is_that_of_the_shell() -> None:
    assert aws_session({"AWS_REGION": "eu-west-3"}).region_name == "eu-west-3"


def test_the_named_account_is_accepted() -> None:
    check_account(Session(), ACCOUNT)


def test_nothing_is_made_in_another_account(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["210987654321", "--yes"], session=Session) == NOT_STARTED
    assert "Nothing was made." in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("answer", ["", "n", "no", "maybe"])
def test_the_plan_is_shown_and_nothing_is_made_without_a_yes(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([ACCOUNT], session=Session, ask=lambda _question: answer) == NOT_STARTED
    shown = capsys.readouterr().err
    assert f"the account {ACCOUNT}, Region eu-central-1" in shown
    assert "Costs:" in shown
    assert "Time:" in shown


def test_without_a_terminal_it_is_not_started(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(_question: str) -> str:
        raise EOFError

    assert main([ACCOUNT], session=Session, ask=ask) == NOT_STARTED
    assert "YES=1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["12345"],
        ["12345678901a"],
        [ACCOUNT, "--prefix", "nohyphen"],
        [ACCOUNT, "--prefix", "1-"],
        [ACCOUNT, "--only", "x"],
    ],
)
def test_a_wrong_argument_is_refused_with_its_remedy(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments, session=Session)
    assert "make acceptance: error:" in capsys.readouterr().err


def fail(_deployed: Any) -> None:
    raise Failed("it does not hold")


def skip(_deployed: Any) -> None:
    raise Skipped("there is no role")


def interrupt(_deployed: Any) -> None:
    raise KeyboardInterrupt


def crash(_deployed: Any) -> None:
    raise RuntimeError("unforeseen")


def hold(_deployed: Any) -> None:
    pass


def test_a_failed_check_does_not_keep_the_others_from_running() -> None:
    done = performed(check(fail), check(skip), check(crash), check(hold))
    assert [(each.outcome, each.reason) for each in done.results] == [
        ("failed", "it does not hold"),
        ("skipped", "there is no role"),
        ("failed", "RuntimeError: unforeseen"),
        ("passed", ""),
    ]


@pytest.mark.parametrize("ending", [hold, fail, crash, interrupt])
def test_the_stacks_are_deleted_once_whatever_happens(ending: Callable[[Any], None]) -> None:
    stacks = Stacks((Remnant("stack x", "denied"),))
    done = performed(check(ending), stacks=stacks)
    assert stacks.deletions == 1
    assert done.remnants == [Remnant("stack x", "denied")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_checks_and_the_others_are_skipped(number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        done = performed(check(lambda _deployed: os.kill(os.getpid(), number)), check(hold, "next"))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert done.is_interrupted
    assert [(each.check.name, each.outcome, each.reason) for each in done.results][-1] == (
        "next",
        "skipped",
        INTERRUPTED,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_deletion_does_not_stop_it(number: signal.Signals) -> None:
    class Slow(Stacks):
        def delete(self) -> list[Remnant]:
            os.kill(os.getpid(), number)
            return super().delete()

    stacks = Slow()
    assert not performed(check(hold), stacks=stacks).is_interrupted
    assert stacks.deletions == 1


def test_a_check_that_the_emulator_cannot_answer_is_skipped_there_with_the_reason() -> None:
    model: Any = Model()
    model.place.is_emulator = True
    done = perform(model, Stacks(), [check(fail, not_on_emulator="it has no such API")])
    assert (done.results[0].outcome, done.results[0].reason) == (
        "skipped",
        "the emulator cannot answer it: it has no such API",
    )


def test_the_report_has_each_statement_and_no_account(tmp_path: Path) -> None:
    results = [Result(check(hold, "one"), "passed", seconds=1.234), Result(check(fail, "two"), "failed", "no")]
    file = tmp_path / "acceptance.json"
    model = Model()
    write(file, report(model.place, results, [Remnant("stack x", "denied")]))
    written = json.loads(file.read_text(encoding="utf-8"))
    assert ACCOUNT not in file.read_text(encoding="utf-8")
    assert (written["where"], written["region"]) == ("aws", "eu-central-1")
    assert written["checks"][0] == {
        "name": "one",
        "page": "README.md",
        "statement": "A statement.",
        "result": "passed",
        "reason": "",
        "seconds": 1.2,
    }
    assert written["checks"][1]["result"] == "failed"
    assert written["remained"] == [{"what": "stack x", "why": "denied"}]


@pytest.mark.parametrize("template", [REST, HTTP], ids=str)
def test_each_role_of_an_example_gets_the_boundary_and_nothing_else_changes(template: Path, tmp_path: Path) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    file = tmp_path / "template.json"
    file.write_text(json.dumps(bounded(load(template), boundary)), encoding="utf-8")
    given, wanted = (decode(str(path))[0] for path in (file, template))
    found = [
        resource["Properties"].pop("PermissionsBoundary")
        for resource in given["Resources"].values()
        if "PermissionsBoundary" in resource["Properties"]
    ]
    assert found == [boundary]
    assert given == wanted


NAMES = {
    "Partition": "aws",
    "Region": "eu-central-1",
    "Account": ACCOUNT,
    "Prefix": "multi-auth-accept-",
    "Boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
}
RESOURCES = {
    "logs": f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:multi-auth-accept-1-main-AuthorizerLogs-X",
    "iam": f"arn:aws:iam::{ACCOUNT}:role/multi-auth-accept-1-main-AuthorizerRole-X",
    "lambda": f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:multi-auth-accept-1-main-Authorizer-X",
    "apigateway": "arn:aws:apigateway:eu-central-1::/restapis/a1/stages/v1/cache/authorizers",
    "access-analyzer": "*",
    "dynamodb": f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/multi-auth-accept-1-main-ApiKeysTable-X",
    "sqs": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:multi-auth-accept-1-usage-Failures-X",
    "cloudwatch": "*",
}


@pytest.mark.parametrize(
    "action",
    sorted({action for check in CHECKS for action in check.needs}),
    ids=lambda action: action.replace(":", " "),
)
def test_the_printed_policies_permit_what_the_checks_need(action: str) -> None:
    resource = RESOURCES[action.split(":")[0]]
    assert any(permits(filled(name, NAMES), action, resource) for name in ("deployer", "optional", "acceptance"))
