"""The authorizer cache of API Gateway, the key cache of the function, and how long a revoked key is accepted."""

from typing import Final

from tests.aws.check import Failed, check, expect
from tests.aws.checks.outcomes import expect_refused
from tests.aws.deployed import Deployed

REQUESTS: Final = 20
POLL_SECONDS: Final = 1
SLACK_SECONDS: Final = 60
"""How long after the bound the check still waits for a refusal, before it gives up."""


@check(
    "README.md",
    "API Gateway caches one policy for each credential, so most requests do not invoke the authorizer. Each policy "
    "covers all routes, so API Gateway can apply a cached policy to any route.",
    needs=("logs:FilterLogEvents",),
)
def one_decision_answers_many_requests(deployed: Deployed) -> None:
    created = deployed.create_key("--scopes", "reports:write")
    wanted = {("GET", "/me"): 200, ("POST", "/reports"): 200, ("GET", "/admin/whoami"): 403}
    started = deployed.place.now()
    for number in range(REQUESTS):
        method, path = list(wanted)[number % len(wanted)]
        answer = deployed.sample.bearer(created["key"], path, method)
        expect(f"status of {method} {path}", answer.status, wanted[method, path])
    seconds = deployed.place.now() - started
    most = 1 + int(seconds // max(deployed.cache_seconds, 1))
    lines = len(deployed.decisions(created["key_id"], 1))
    if not 1 <= lines <= most:
        raise Failed(f"{REQUESTS} requests in {seconds:.1f} s: expected 1 to {most} decisions, got {lines}")


@check("docs/operations.md", "`ApiKeyCacheSeconds` + `AuthorizerCacheSeconds`: 60 seconds by default")
def a_revoked_key_is_refused_within_the_bound(deployed: Deployed) -> None:
    place, created = deployed.place, deployed.create_key()
    expect("status before the revocation", deployed.sample.bearer(created["key"]).status, 200)
    deployed.keys("revoke", created["key_id"], "--yes")
    revoked = last = place.now()
    while True:
        begun = place.now()
        answer = deployed.sample.bearer(created["key"])
        if answer.status != 200:
            break
        last = begun
        if begun - revoked > deployed.revocation_seconds + SLACK_SECONDS:
            break
        place.sleep(POLL_SECONDS)
    if last - revoked > deployed.revocation_seconds:
        raise Failed(
            f"the key was accepted {last - revoked:.1f} s after its revocation, not {deployed.revocation_seconds} s"
        )
    expect_refused("a revoked key", answer)


@check(
    "docs/operations.md",
    "Each stage has its own authorizer cache. Run the command for each stage that uses the authorizer",
    needs=("apigateway:DELETE", "logs:FilterLogEvents"),
)
def a_flush_ends_the_cached_decisions(deployed: Deployed) -> None:
    created = deployed.create_key()
    expect("status before the flush", deployed.sample.bearer(created["key"]).status, 200)
    api_id = deployed.main.resources["Api"]
    deployed.place.client("apigateway").flush_stage_authorizers_cache(restApiId=api_id, stageName=deployed.stage)
    expect("status after the flush", deployed.sample.bearer(created["key"]).status, 200)
    expect("decisions", len(deployed.decisions(created["key_id"], 2)), 2)
