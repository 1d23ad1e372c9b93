"""docs/upgrading.md as it stands: a stack of 0.1 with keys in it goes over, and an API in a stack of its own stays."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from authorizer import VERSION
from keys.cli.exits import Exit
from local import environment
from local.build import FOLDER, HOST_WHEELS, SAM, build
from local.deployment import deploy_template, local_parameters, rest_api_url, set_cache_seconds
from local.session import client
from local.system import KEYS, System, create_key
from local.template_file import load
from tests.e2e.conftest import DIRECTORY, Caller
from tests.e2e.test_examples import REST, report
from tests.e2e.test_table import template_of_before

PAGE = Path("docs/upgrading.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
STACK = "multi-auth-prod"
OVERRIDES = "[prod.deploy.parameters.parameter_overrides]"
NEVER_DEPLOYED = "multi-auth-prod-ApiKeys-EXAMPLE"
OWN_RULES = "mine.toml"
OLD: dict[str, Any] = load(Path("tests/e2e/template_0_2.yaml"))["Parameters"]
NOW: dict[str, Any] = load(Path("template.yaml"))["Parameters"]
NEW = NOW.keys() - OLD.keys()


def command(start: str) -> str:
    """The page's only command that begins so."""
    (found,) = [str(block) for block in BLOCKS if any(line.startswith(start) for line in block.splitlines())]
    return found


def add_parameters(settings: Path, table: str) -> None:
    """Write the page's line and `AuthConfig` where the page says, in a file whose last table is another one."""
    (block,) = re.findall(r"^```toml\n(.*?ExistingTable.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block.startswith(f"{OVERRIDES}\n")
    text = settings.read_text(encoding="utf-8")
    assert text.count(f"{OVERRIDES}\n") == 1
    text = text.replace(f"{OVERRIDES}\n", block.replace(NEVER_DEPLOYED, table) + f'AuthConfig = "{OWN_RULES}"\n')
    runtime = load(Path("template.yaml"))["Parameters"]["PythonRuntime"]["Default"]
    text += f'\n[prod.build.parameters.parameter_overrides]\nPythonRuntime = "{runtime}"\n'
    settings.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that has been built with a file of rules, by the build of this session: `sam deploy` is tried."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "template.yaml").symlink_to(Path("template.yaml").resolve())
    built = folder / ".aws-sam" / "build"
    shutil.copytree(FOLDER, built, copy_function=os.link)
    # What 0.1 did without a file of rules, as the page says.
    (built / "Authorizer" / "authorizer" / OWN_RULES).write_text('[[rule]]\nroute = "* /*"\n', encoding="utf-8")
    return folder


def run(text: str, checkout: Path, system: System) -> str:
    """What the page's block prints in the checkout. Each question of SAM's is answered with yes."""
    printed = ""
    # The session's build is there.
    lines = [line for line in text.splitlines() if not line.startswith("sam build")]
    for line in lines if lines[0].startswith("sam ") else [text]:
        is_sam = line.startswith("sam ")
        words = [str(SAM.resolve()), *shlex.split(line)[1:]] if is_sam else ["bash", "-c", line]
        done = subprocess.run(
            words,
            cwd=checkout,
            env=system.emulator.environment(),
            input="y\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed += done.stdout
    return printed


def outputs(system: System) -> dict[str, str]:
    (stack,) = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def api_of_ones_own(system: System) -> Caller:
    given = {"AuthorizerFunctionArn": outputs(system)["AuthorizerFunctionArn"]}
    api_id = deploy_template(system.emulator, REST, "reports-of-mine", given, DIRECTORY / "reports-of-mine.log")["Api"]
    set_cache_seconds(client(system.emulator, "apigateway"), api_id, 0)
    return Caller(rest_api_url(system.emulator, api_id, "v1"))


def test_a_stack_of_0_1_goes_over_with_its_keys_while_an_api_of_ones_own_stays(
    system: System, checkout: Path, tmp_path: Path
) -> None:
    given = local_parameters() | {"SampleApi": "None", "TableRemovalPolicy": "Retain"}
    before = deploy_template(system.emulator, template_of_before(tmp_path), STACK, given, DIRECTORY / f"{STACK}.log")
    # This stack has the functions of this version, and their sample rules. The rules of the page are applied below.
    key = create_key(system.emulator, before["ApiKeys"], "--consumer", "globex", "--scopes", "reports:write")["key"]
    mine = api_of_ones_own(system)
    assert report(mine, key) == (201, "globex")

    table = before["ApiKeys"]
    assert table in run(command("sam list"), checkout, system)
    run(command("cat > ../multi-auth.toml"), checkout, system)
    add_parameters(checkout.parent / "multi-auth.toml", table)
    run(command("sam deploy"), checkout, system)

    now = outputs(system)
    assert (now["Version"], now["ApiKeysTableName"]) == (VERSION, table)
    assert table in client(system.emulator, "dynamodb").list_tables()["TableNames"]
    assert report(mine, key) == (201, "globex")
    assert report(mine, create_key(system.emulator, table, "--consumer", "globex")["key"]) == (201, "globex")


def test_a_stack_of_0_2_goes_over_with_its_table_when_its_stage_has_another_name(
    system: System, tmp_path: Path
) -> None:
    name, log = "upgraded", DIRECTORY / "upgraded.log"
    given = local_parameters() | {"TableRemovalPolicy": "Retain"}
    old = template_of_before(tmp_path, Path(__file__).with_name("template_0_2.yaml"), "src")
    before = deploy_template(system.emulator, old, name, given, log)
    key = create_key(system.emulator, before["ApiKeysTable"], "--consumer", "globex")["key"]
    given |= {"StageName": "v2", "AuthConfig": "auth.toml"}
    now = deploy_template(system.emulator, FOLDER / "template.yaml", name, given, log)
    assert now["ApiKeysTable"] == before["ApiKeysTable"]
    assert Caller(rest_api_url(system.emulator, now["Api"], "v2")).bearer(key).body["sub"] == "globex"
    table = client(system.emulator, "dynamodb").describe_table(TableName=now["ApiKeysTable"])["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} >= {"by_end_day"}


class NotYet(Exception):
    """The table of usage has no line yet."""


class Upgraded:
    """A stack of 0.2 that goes over, and then gets the optional stacks and another release."""

    def __init__(self, system: System, tmp_path: Path) -> None:
        self._system = system
        self._log = DIRECTORY / "all.log"
        self._given = local_parameters() | {"TableRemovalPolicy": "Retain"}
        self._old = template_of_before(tmp_path, Path(__file__).with_name("template_0_2.yaml"), "src")
        self._settings = tmp_path / "all.toml"

    name: Final = "all-stacks"

    def deploy_old(self) -> dict[str, str]:
        return deploy_template(self._system.emulator, self._old, self.name, self._given, self._log)

    def deploy(self, **parameters: str) -> dict[str, str]:
        self._given |= parameters
        return deploy_template(self._system.emulator, FOLDER / "template.yaml", self.name, self._given, self._log)

    def deploy_optional(self, name: str, **parameters: str) -> None:
        """With the parameters that `keys stack parameters` prints."""
        folder = Path(f".local/build-{name}")
        template = f"stacks/{name}/template.yaml"
        build(environment.download(), self._log, folder, host_wheels=HOST_WHEELS, template=template)
        given = {**self.keys("stack", "parameters", "--for", name), **parameters}
        deploy_template(self._system.emulator, folder / "template.yaml", f"{self.name}-{name}", given, self._log)

    def effects(self, *words: str, code: int) -> dict[str, str]:
        """What `keys stack upgrade-check` says about each parameter, with the settings of the last deployment."""
        lines = (f"{name} = {json.dumps(value)}" for name, value in self._given.items())
        table = "[prod.deploy.parameters.parameter_overrides]"
        self._settings.write_text("\n".join([table, *lines]), encoding="utf-8")
        found = self.keys("stack", "upgrade-check", "--settings", str(self._settings), *words, code=code)
        return {each["name"]: each["what"] for each in found}

    def keys(self, *words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [KEYS, *words, "--stack", self.name, "--output", "json"],
            env=self._system.emulator.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == Exit.UNCHECKED != code:
            raise NotYet(done.stderr)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def audited(self, key_id: str) -> list[str]:
        return [each["event"] for each in self.keys("audit", "--key", key_id)]

    def counted(self, key_id: str) -> int:
        """The requests of a key in the table of usage."""
        try:
            return sum(row["requests"] for row in self.keys("usage", "--key", key_id, "--since", "1d")["rows"])
        except NotYet:
            return 0


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_stack_of_0_2_with_all_optional_stacks_keeps_keys_record_and_usage_in_each_upgrade(
    system: System, tmp_path: Path
) -> None:
    stack = Upgraded(system, tmp_path)
    old_table = stack.deploy_old()["ApiKeysTable"]
    old = create_key(system.emulator, old_table, "--consumer", "globex")
    gone = dict.fromkeys(OLD.keys() - NOW.keys(), "gone")
    assert stack.effects(code=7) == {
        **gone,
        **dict.fromkeys(NEW, "new"),
        "AuthConfig": "refused",
        "ThrottleRate": "kept",
    }

    # The stage has another name, as the page says.
    made = stack.deploy(StageName="v2", AuthConfig="auth.toml")
    assert made["ApiKeysTable"] == old_table
    # The value is older than the default of this version.
    assert stack.effects(code=0) == {"ThrottleRate": "kept"}
    for name in ("events", "usage"):
        stack.deploy_optional(name)
    caller = Caller(rest_api_url(system.emulator, made["Api"], "v2"))
    new = stack.keys("create", "--consumer", "globex")
    assert caller.bearer(old["key"]).status == caller.bearer(new["key"]).status == 200
    until(lambda: stack.audited(new["key_id"]) == ["key.created"])
    until(lambda: stack.counted(new["key_id"]) == 1)

    for name in ("events", "usage"):
        stack.deploy_optional(name, LogRetentionDays="7")
    assert stack.deploy(Release="next")["ApiKeysTable"] == old_table
    for key in (old, new):
        assert caller.bearer(key["key"]).status == 200
    stack.keys("revoke", new["key_id"], "--yes")
    until(lambda: stack.audited(new["key_id"])[-1:] == ["key.revoked"])
    assert stack.audited(new["key_id"])[0] == "key.created"
    until(lambda: stack.counted(new["key_id"]) == 2)


def test_the_page_names_each_parameter_that_0_2_has_and_this_version_has_not() -> None:
    old = load(Path("tests/e2e/template_0_2.yaml"))["Parameters"]
    section = PAGE.partition("## Upgrade from 0.2")[2].partition("\n## ")[0]
    assert old.keys() - load(Path("template.yaml"))["Parameters"].keys() <= set(re.findall(r"\w+", section))


def test_the_template_of_0_1_can_only_create_a_table() -> None:
    """The section "Roll back to 0.1" rests on this. The emulator cannot show it: a new table has the old name there."""
    old = load(Path("tests/e2e/template_0_1.yaml"))
    table = old["Resources"]["ApiKeys"]
    assert "ExistingTable" not in old["Parameters"]
    assert (table["Type"], "TableName" in table["Properties"]) == ("AWS::DynamoDB::Table", False)


def test_the_page_names_each_parameter_that_is_gone_and_each_in_its_place() -> None:
    old: dict[str, Any] = load(Path("tests/e2e/template_0_1.yaml"))["Parameters"]
    new: dict[str, Any] = load(Path("template.yaml"))["Parameters"]
    named = set(re.findall(r"\b(\w+)", PAGE))
    assert old.keys() - new.keys() <= named
    other_default = {name for name in old.keys() & new.keys() if old[name].get("Default") != new[name].get("Default")}
    assert other_default <= named
