"""The deployed stacks, and what a check does with them: requests, keys, tokens, log lines."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from authorizer import VERSION
from keys.deployment.optional import FROM_OUTPUTS
from local.system import KEYS
from tests.aws.api import Answer, Api
from tests.aws.check import Failed
from tests.aws.place import Place
from tests.aws.stacks import Stack, Stacks

BASE: Final = Path(__file__).with_name("base.yaml")
REST: Final = Path("examples/rest-api/template.yaml")
HTTP: Final = Path("examples/http-api/template.yaml")
PLANS: Final = Path("examples/plans/template.yaml")
OLD: Final = Path("tests/e2e/template_0_2.yaml")
KMS_KEY: Final = Path(__file__).with_name("key.yaml")
MONITORING: Final = Path("stacks/monitoring/template.yaml")
RULES: Final = "auth.toml"
USER: Final = "ada@example.com"
ATTEMPTS: Final = 10
POLL_SECONDS: Final = 3
LOG_ATTEMPTS: Final = 12
"""How often lines are looked for, each after `Place.log_seconds`."""


class Deployed:
    """Each stack is deployed when a check first asks for it, so that one check can be run alone."""

    def __init__(self, place: Place, stacks: Stacks, boundary: str = "") -> None:
        self.place = place
        self._stacks = stacks
        self._boundary = boundary

    @cached_property
    def base(self) -> Stack:
        """The user pool and the bucket."""
        return self._stacks.deploy("base", BASE, {})

    @cached_property
    def main(self) -> Stack:
        """The authorizer with the sample API and the sample's rules."""
        stack = self._deploy_authorizer("main", {})
        given = {**self._authorizer({}), "StageName": self.stage}
        self.place.complete(Path("template.yaml"), stack.resources["Api"], self.stage, given)
        return stack

    @cached_property
    def alone(self) -> Stack:
        """The authorizer without the sample API, with a table of its own."""
        return self._deploy_authorizer("alone", {"SampleApi": "None"})

    @cached_property
    def rest(self) -> Stack:
        """The example of a REST API, behind the authorizer of `alone`."""
        template = self._stacks.with_boundary(REST, self._boundary)
        function = self.alone.outputs["AuthorizerFunctionArn"]
        stack = self._stacks.deploy("rest", template, {"AuthorizerFunctionArn": function})
        self.place.complete(REST, stack.resources["Api"], "v1", {})
        return stack

    @cached_property
    def http(self) -> Stack:
        """The example of an HTTP API, behind the authorizer of `main`."""
        template = self._stacks.with_boundary(HTTP, self._boundary)
        return self._stacks.deploy(
            "http", template, {"AuthorizerFunctionArn": self.main.outputs["AuthorizerFunctionArn"]}
        )

    @cached_property
    def http_1_0(self) -> Stack:
        """The same with payload format 1.0."""
        template = self._stacks.with_boundary(HTTP, self._boundary)
        given = {"AuthorizerFunctionArn": self.main.outputs["AuthorizerFunctionArn"], "PayloadFormat": "1.0"}
        return self._stacks.deploy("http-1-0", template, given)

    @cached_property
    def monitoring(self) -> Stack:
        """The alarms, dashboards and saved queries of `main`."""
        return self._stacks.deploy("monitoring", MONITORING, self._of_main("monitoring"))

    @cached_property
    def events(self) -> Stack:
        """The events of the keys of `main`."""
        given = {**self._of_main("events"), **self.place.parameters}
        return self._stacks.deploy("events", self.place.optional_artifact("events"), given)

    @cached_property
    def usage(self) -> Stack:
        """The table of usage, which counts the access log of `main`."""
        given = {**self._of_main("usage"), **self.place.parameters}
        return self._stacks.deploy("usage", self.place.optional_artifact("usage"), given)

    @cached_property
    def kms_key(self) -> str:
        """The ARN of a new KMS key."""
        return self._stacks.deploy("key", KMS_KEY, {}).outputs["KeyArn"]

    @cached_property
    def encrypted(self) -> Stack:
        """The authorizer without the sample API, with a KMS key."""
        return self._deploy_authorizer("encrypted", {"SampleApi": "None", "KmsKeyArn": self.kms_key})

    @cached_property
    def limiting(self) -> Stack:
        """The authorizer without the sample API, with a key of API Gateway for callers without a plan."""
        return self._deploy_authorizer("limiting", {"SampleApi": "None", "DefaultUsageKey": secrets.token_hex(20)})

    @cached_property
    def plans(self) -> Stack:
        """The example of usage plans, behind the authorizer of `limiting`."""
        template, outputs = self._stacks.with_boundary(PLANS, self._boundary), self.limiting.outputs
        given = {name: outputs[name] for name in ("AuthorizerFunctionArn", "DefaultUsageKey")}
        return self._stacks.deploy("plans", template, given)

    def old(self) -> Stack:
        """The authorizer of 0.2 with the functions of this version."""
        template = self._stacks.with_code(OLD, self.place.artifact.parent)
        return self._stacks.deploy("old", template, self._authorizer({"SampleApi": "None"}))

    def upgraded(self) -> Stack:
        """The stack of `old`, with the template of this version."""
        return self._deploy_authorizer("old", {"SampleApi": "None"})

    def restore(self, table: str, seconds: float) -> str:
        """Restore a table under a new name, to the latest time that is possible. Return the name.

        :raises Failed: the restored table is not there after this time.
        """
        dynamodb, name = self.place.client("dynamodb"), f"{table}-restored"
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=table, TargetTableName=name, UseLatestRestorableTime=True
        )
        self._stacks.note("AWS::DynamoDB::Table", name, self.main)
        started = self.place.now()
        while dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            if self.place.now() - started > seconds:
                raise Failed(f"the restored table is not there after {seconds} s")
            self.place.sleep(POLL_SECONDS)
        return name

    stage: Final = "v1"
    version: Final = VERSION

    @staticmethod
    def wall_clock() -> int:
        """Seconds since 1970."""
        return int(time.time())

    @property
    def sample(self) -> Api:
        """The sample API."""
        return Api(self.place.api_url(self.main.resources["Api"], self.stage))

    @property
    def reports(self) -> Api:
        """The example's API."""
        return Api(self.place.api_url(self.rest.resources["Api"], "v1"))

    @property
    def limited(self) -> Api:
        """The API of the example of usage plans."""
        return Api(self.place.api_url(self.plans.resources["Api"], "v1"))

    @property
    def http_reports(self) -> Api:
        """The HTTP API of the example."""
        return Api(self.place.http_api_url(self.http.resources["Api"]))

    @property
    def http_1_0_reports(self) -> Api:
        """The HTTP API with payload format 1.0."""
        return Api(self.place.http_api_url(self.http_1_0.resources["Api"]))

    limited_cache_seconds: Final = 30
    """The TTL of the authorizer cache of the example of usage plans."""

    @property
    def cache_seconds(self) -> int:
        """The TTL of the sample API's authorizer cache."""
        return int(self.main.parameters["AuthorizerCacheSeconds"])

    @property
    def revocation_seconds(self) -> int:
        """How long a revoked key can still be accepted."""
        return self.cache_seconds + int(self.main.parameters["ApiKeyCacheSeconds"])

    def update_alone(self, **parameters: str) -> Stack:
        """Update `alone` with these parameters. SAM sends the others of an earlier update again."""
        return self._deploy_authorizer("alone", {"SampleApi": "None", **parameters})

    def answer_with(self, status: int, send: Callable[[], Answer]) -> Answer:
        """The first answer with this status, else the last one of several.

        For requests right after a deployment: IAM and API Gateway apply a change after a while ("IAM: changes that I
        make are not always immediately visible").
        """
        return self.answer_when(lambda answer: answer.status == status, send)

    def answer_when(self, is_it: Callable[[Answer], bool], send: Callable[[], Answer]) -> Answer:
        """The first answer for which this is true, else the last one of several."""
        answer = send()
        for _attempt in range(ATTEMPTS):
            if is_it(answer):
                break
            self.place.sleep(POLL_SECONDS)
            answer = send()
        return answer

    def keys(self, *arguments: str, stack: Stack | None = None, stdin: str = "", codes: Collection[int] = (0,)) -> Any:
        """The JSON output of a `keys` command on a stack, which is `main` by default.

        :raises Failed: its exit code is none of `codes`.
        """
        finished = subprocess.run(
            [KEYS, *arguments, "--stack", (stack or self.main).name, "--output", "json"],
            env=self.place.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode not in codes:
            raise Failed(f"keys {arguments[0]} ended with exit code {finished.returncode}: {finished.stderr.strip()}")
        return json.loads(finished.stdout)

    def create_key(self, *arguments: str, consumer: str = "acme", stack: Stack | None = None) -> dict[str, str]:
        """The output of `keys create`: `key` and `key_id`."""
        created: dict[str, str] = self.keys("create", "--consumer", consumer, *arguments, stack=stack)
        return created

    @cached_property
    def jwt(self) -> str:
        """The access token of a new user of the pool."""
        cognito, pool = self.place.client("cognito-idp"), self.base.outputs["Pool"]
        password = f"Aa1-{secrets.token_urlsafe(16)}"
        cognito.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
        answer = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=self.base.outputs["Audience"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USER, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    @contextmanager
    def changed_environment(self, **variables: str) -> Iterator[None]:
        """The authorizer of `main` with other environment variables, and then with its own again."""
        functions, name = self.place.client("lambda"), self.main.outputs["AuthorizerFunctionName"]
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        try:
            self._set_environment(functions, name, {**before, **variables})
            yield
        finally:
            self._set_environment(functions, name, before)

    def decisions(self, key_id: str, at_least: int, stack: Stack | None = None) -> list[dict[str, Any]]:
        """The decision lines about a key of a stack, which is `main` by default: after `at_least` are there, and a wait
        for those that may follow.
        """
        group = (stack or self.main).outputs["AuthorizerLogGroup"]
        found: list[dict[str, Any]] = []
        for _attempt in range(LOG_ATTEMPTS):
            self.place.sleep(self.place.log_seconds)
            lines = self.log_lines(group)
            before, found = found, [line for line in lines if line.get("key_id") == key_id and "outcome" in line]
            if len(found) >= at_least and (len(found) == len(before) or not self.place.log_seconds):
                break
        return found

    def log_lines(self, group: str) -> list[dict[str, Any]]:
        """The JSON lines of a log group. Others are in `text`."""
        return [_line(text) for text in self.log_texts(group)]

    def log_texts(self, group: str) -> list[str]:
        pages = self.place.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def _of_main(self, optional: str) -> dict[str, str]:
        """The parameters of an optional stack that are outputs of `main`."""
        outputs = self.main.outputs
        given = {name: outputs[output] for name, output in FROM_OUTPUTS[optional].items() if output in outputs}
        return {**given, "AuthorizerStack": self.main.name}

    def _authorizer(self, parameters: Mapping[str, str]) -> dict[str, str]:
        issuer = self.place.issuer_parameters(self.base.outputs["Issuer"], self.base.outputs["Audience"])
        return {"AuthConfig": RULES, "TableRemovalPolicy": "Delete", **self.place.parameters, **issuer, **parameters}

    def _deploy_authorizer(self, part: str, parameters: Mapping[str, str]) -> Stack:
        return self._stacks.deploy(part, self.place.artifact, self._authorizer(parameters))

    @staticmethod
    def _set_environment(functions: Any, name: str, variables: Mapping[str, str]) -> None:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def _line(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"text": text}
