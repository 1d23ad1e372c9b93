"""What an operator should know of an auth.toml file: how its claims are read, and what of a deployed stack clashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from authorizer import claims
from authorizer.auth_file import AuthFile
from authorizer.conditions import Claims, Conditions, Issuers
from authorizer.settings import DEFAULT_FILE
from keys.deployment.rules import FUNCTION_CODE
from keys.deployment.words import plural

PROVIDER: Final = ("JwtIssuer", "JwtAudience", "JwtJwksUrl")


def claim_notes(file: AuthFile) -> Iterator[str]:
    """How each path is read that is not a single plain name, what the `required_claims` mean, and unknown issuers."""
    for path in dict.fromkeys(_paths(file)):
        if len(path) > 1 or re.search(r'[."]|://', path[0]):
            yield f"the claim path {claims.write_path(path)} is read as {', then '.join(map(json.dumps, path))}"
    for provider in file.providers:
        for claim in provider.required_claims:
            it = "one of them" if len(claim.values) > 1 else "it"
            yield f"tokens of {provider.issuer} are accepted only if {claim}, or a list that contains {it}"
    issuers = {provider.issuer for provider in file.providers}
    for where, conditions in _conditions(file) if issuers else ():
        named = frozenset[str]().union(*(each.values for each in conditions if isinstance(each, Issuers)))
        for issuer in sorted(named - issuers):
            yield f"{where}: no [[provider]] of this file has the issuer {issuer}, so its tokens are refused"


def _conditions(file: AuthFile) -> Iterator[tuple[str, Conditions]]:
    """The conditions of each rule and each plan, with its place."""
    yield from ((rule.where, tuple(chain(rule.conditions, *rule.alternatives))) for rule in file.rules.rules)
    yield from ((f"the plan {tier.name}", tier.conditions) for tier in file.tiers)


def _paths(file: AuthFile) -> Iterator[claims.Path]:
    for provider in file.providers:
        yield from (*provider.audience_claims, *provider.subject_claims, *provider.scope_claims)
        yield from provider.data_claims or ()
        yield from (claim.path for claim in provider.required_claims)
    for _where, conditions in _conditions(file):
        for condition in conditions:
            if isinstance(condition, Claims):
                yield from (claim.path for claim in condition.values)


def clashes(parameters: Mapping[str, str], read: AuthFile) -> Iterator[str]:
    """What makes the next deployment fail, or the authorizer refuse to start, with these parameters: with remedies.

    `sam deploy` sends the previous value of each parameter that is not overridden (CloudFormation API reference,
    "Parameter", `UsePreviousValue`). So a value that was removed from the settings file stays in force.
    """
    if read.providers and (kept := [name for name in PROVIDER if parameters.get(name)]):
        remedies = ", ".join(f'{name} = ""' for name in kept)
        yield (
            f"{', '.join(kept)} of the stack and {plural(len(read.providers), 'identity provider')} of the file: the "
            f"authorizer would not start. Write {remedies} into the settings file, because the SAM CLI keeps the "
            "previous value of a parameter that you omit"
        )
    # The SAM CLI ignores a parameter that the template does not have.
    if parameters.get("JwtProviders") and not read.providers:
        yield (
            "JwtProviders of the stack was removed, so the next deployment would refuse all JWTs: write its providers "
            "as [[provider]] into the file"
        )
    if parameters.get("AuthConfig") == "":
        yield (
            "AuthConfig of the stack is empty, which is no longer accepted: write the name of this file into the "
            f'settings file, such as AuthConfig = "{DEFAULT_FILE}"'
        )


def plans_need(parameters: Mapping[str, str], read: AuthFile) -> Iterator[str]:
    """A note if the file has plans and the stack no `DefaultUsageKey`: the authorizer would not start."""
    if read.tiers and parameters and not parameters.get("DefaultUsageKey"):
        yield (
            f"DefaultUsageKey of the stack is empty, and the file has {plural(len(read.tiers), 'plan')}: set it in the "
            "deployment of this file, or the authorizer does not start"
        )


def other_file(parameters: Mapping[str, str], file: Path) -> Iterator[str]:
    """A note if the stack has another file."""
    named = parameters.get("AuthConfig")
    if named and (FUNCTION_CODE / named).resolve() != file.resolve():
        yield f"AuthConfig of the stack is {named}. Another value in the settings file is needed to deploy this file"
