"""The response to API Gateway: an IAM policy or a simple response, and the context."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from authorizer.access import AccessRules
from authorizer.grant import Grant, Statement
from authorizer.identity import MAX_CONTEXT_BYTES, DataEncoding, Identity, context_bytes
from authorizer.refusal import Reason, Refusal

if TYPE_CHECKING:
    from authorizer.networks import Networks

MAX_MISSING_SCOPES: Final = 1024
"""The maximum length of `missing_scopes`, so that this hint cannot make the context too large."""
MAX_RESOURCE_BYTES: Final = 512
"""API Gateway's limit. A longer resource of a Deny statement would not take effect."""
KEPT_DOCUMENTS: Final = 16
"""The maximum number of policy documents in memory."""

_STAGE = re.compile(r"([^:*?]*:[^:*?]*:execute-api:[^:*?]*:[^:*?]*:[^/*?]+/[^/*?]+)/", re.DOTALL)


class MalformedArn(Exception):
    """The event's ARN is not an ARN of API Gateway."""


class PolicyTooLarge(Exception):
    """The policy or a resource exceeds its limit, because the stage's ARN is longer than was assumed at the start."""


class Responder:
    """Makes the response for an identity: a policy by the access rules, or a simple response of HTTP APIs.

    A simple response allows every route.
    """

    def __init__(self, rules: AccessRules, *, simple: bool = False, encoding: DataEncoding = "json") -> None:
        self._rules = rules
        self._simple = simple
        self._encoding = encoding
        self._document = lru_cache(maxsize=KEPT_DOCUMENTS)(self._new_document)

    def respond(self, identity: Identity, arn: object, source: str | None = None) -> dict[str, Any]:
        """The policy and context for an identity. `arn`: of the requested method or route. `source`: the address that
        the request comes from. It only has to be known where networks limit the identity: IAM compares it.

        The policy covers the whole stage and does not depend on the requested route, because API Gateway caches it for
        all routes. For the same reason, `missing_scopes` has the scopes that would permit further routes, not those of
        one route. The 403 response shows them. They are shortened if the context has no room for all of them.

        :raises Refusal: the context is too large (see `Identity.context`), or the networks make the policy too large.
            Networks limit the identity, and the source is not known, or a simple response cannot express it.
        :raises MalformedArn: see `stage_arn`.
        :raises PolicyTooLarge: the policy or a resource exceeds its limit. It is never shortened.
        """
        context = identity.context(self._encoding)
        if self._simple:
            if identity.networks is not None:
                raise Refusal(Reason.UNKNOWN_NETWORK, identity.kind, identity.key_id)
            return {"isAuthorized": True, "context": context}
        grant, missing_scopes = self._rules.permissions(identity)
        if (grant.limits or identity.networks is not None) and not _is_address(source):
            raise Refusal(Reason.UNKNOWN_NETWORK, identity.kind, identity.key_id)
        try:
            document = self._document(grant, stage_arn(arn), identity.networks)
        except PolicyTooLarge:
            if identity.networks is None:
                raise
            # An operator gave the key more networks than the policy has room for. That is no outage.
            raise Refusal(Reason.IDENTITY_TOO_LARGE, identity.kind, identity.key_id) from None
        if missing_scopes and (hint := _shortened(missing_scopes, context)):
            context = {**context, "missing_scopes": hint}
        return {"principalId": identity.sub, "policyDocument": document, "context": context}

    def _new_document(self, grant: Grant, stage: str, networks: "Networks | None") -> dict[str, Any]:
        if networks is not None:
            grant = grant.within(networks)
        if (
            grant.policy_bytes(len(stage)) > self._rules.max_policy_bytes
            or grant.resource_bytes(len(stage)) > MAX_RESOURCE_BYTES
        ):
            raise PolicyTooLarge
        return {"Version": "2012-10-17", "Statement": [_written(each, stage) for each in grant.statements]}


def _is_address(source: str | None) -> bool:
    from authorizer.networks import is_address

    return source is not None and is_address(source)


def _written(statement: Statement, stage: str) -> dict[str, Any]:
    written = {
        "Action": "execute-api:Invoke",
        "Effect": statement.effect,
        "Resource": [f"{stage}/{resource}" for resource in statement.resources],
    }
    condition = {} if statement.networks is None else {"Condition": statement.networks.as_iam(statement.effect)}
    return written | condition


def stage_arn(arn: object) -> str:
    """The part ``arn:<partition>:execute-api:<region>:<account>:<api>/<stage>`` of a method's or route's ARN.

    :raises MalformedArn: the ARN has another form.
    """
    match = _STAGE.match(arn) if isinstance(arn, str) else None
    if match is None:
        raise MalformedArn
    return match[1]


def _shortened(scopes: Iterable[str], context: Mapping[str, str]) -> str:
    """As many of the scopes as the context has room for, in their order."""
    length = min(MAX_MISSING_SCOPES, MAX_CONTEXT_BYTES - context_bytes(context))
    text = " ".join(sorted(scopes))
    return text if len(text) <= length else text[: max(length, 0)].rpartition(" ")[0]
