"""Tokens in the form of each provider, after its documentation and public examples, signed with test keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authorizer.refusal import Reason
from tests.support.tokens import NOW, base64url, jwk, key_set, token

FOLDER: Final = Path("examples/providers")


@dataclass(frozen=True)
class Sample:
    """A token of a provider, and its outcome: the `sub` and scopes of the identity, or the reason of the refusal."""

    what: str
    claims: Mapping[str, Any]
    sub: str = ""
    scopes: frozenset[str] = frozenset()
    refused: Reason | None = None
    header: Mapping[str, Any] = field(default_factory=dict)

    def change(self, what: str, refused: Reason, **claims: Any) -> "Sample":
        """The token with these claims changed or, if None, removed. It must be refused."""
        changed = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        return Sample(what, changed, refused=refused, header=self.header)


@dataclass(frozen=True)
class Tokens:
    """A provider's tokens, with its signature algorithm, and its key set. `jwk`: additional members of its keys."""

    samples: Sequence[Sample]
    header: Mapping[str, Any] = field(default_factory=lambda: {"typ": "JWT", "kid": "k1"})
    jwk: Mapping[str, Any] = field(default_factory=lambda: {"alg": "RS256", "use": "sig"})
    others: Sequence[Mapping[str, Any]] = ()
    alg: str = "RS256"

    def text(self, sample: Sample) -> str:
        times = {"iat": NOW - 60, "exp": NOW + 3540}
        header = {"typ": None, "kid": None, **self.header, **sample.header}
        return token({**times, **sample.claims}, header, alg=self.alg)

    @property
    def key_set(self) -> bytes:
        kind = "RS" if self.alg.startswith("RS") else self.alg
        members = {"kid": self.header.get("kid"), **self.jwk}
        return key_set(*self.others, jwk(kind, **members))


AUTH0 = Sample(
    "a user's",
    {
        "iss": "https://TENANT.eu.auth0.com/",
        "sub": "auth0|507f1f77bcf86cd799439020",
        "aud": ["https://api.example.com", "https://TENANT.eu.auth0.com/userinfo"],
        "scope": "openid read:reports",
        "azp": "CLIENT_ID",
        "permissions": ["write:reports"],
    },
    "auth0|507f1f77bcf86cd799439020",
    frozenset({"openid", "read:reports", "write:reports"}),
)
COGNITO = {
    "sub": "5b3835ff-6d89-4bdc-9833-f0d5dae5d359",
    "cognito:groups": ["admins"],
    "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_POOLID",
    "origin_jti": "5b9f50a3-05da-454a-8b99-b79c2349de77",
    "event_id": "5b9f50a3-05da-454a-8b99-b79c2349de78",
    "auth_time": NOW - 60,
    "jti": "5b9f50a3-05da-454a-8b99-b79c2349de79",
}
COGNITO_ID = Sample(
    "a user's",
    {**COGNITO, "aud": "CLIENT_ID", "token_use": "id", "cognito:username": "jane", "email_verified": True},
    COGNITO["sub"],  # type: ignore[arg-type]
)
COGNITO_ACCESS = Sample(
    "a user's",
    {**COGNITO, "client_id": "CLIENT_ID", "token_use": "access", "scope": "openid reports/read", "username": "jane"},
    COGNITO["sub"],  # type: ignore[arg-type]
    frozenset({"openid", "reports/read"}),
)
COGNITO_HEADER = {"kid": "abc/def+ghi="}
OKTA = Sample(
    "a user's",
    {
        "ver": 1,
        "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": "https://ORG.okta.com/oauth2/default",
        "aud": "api://default",
        "cid": "0oahdhjkutaGcIK2M4x6",
        "uid": "00uhdhzewqN1AzQr24x6",
        "scp": ["openid", "reports:read"],
        "sub": "jane@example.com",
    },
    "jane@example.com",
    frozenset({"openid", "reports:read"}),
)
ENTRA_V2 = Sample(
    "a user's",
    {
        "aud": "API_CLIENT_ID",
        "iss": "https://login.microsoftonline.com/TENANT_ID/v2.0",
        "nbf": NOW - 60,
        "aio": "AXQAi/8IAAAA",
        "azp": "CLIENT_ID",
        "azpacr": "1",
        "name": "Jane Doe",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "rh": "0.ARoAxhr8IAAAA.",
        "scp": "access_as_user reports.read",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": "TENANT_ID",
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    },
    "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    frozenset({"access_as_user", "reports.read"}),
)
ENTRA_V1 = Sample(
    "a user's",
    {
        **{name: value for name, value in ENTRA_V2.claims.items() if name not in ("azp", "azpacr")},
        "aud": "api://API_CLIENT_ID",
        "iss": "https://sts.windows.net/TENANT_ID/",
        "appid": "CLIENT_ID",
        "appidacr": "1",
        "idp": "https://sts.windows.net/TENANT_ID/",
        "ver": "1.0",
    },
    ENTRA_V2.sub,
    ENTRA_V2.scopes,
)
ENTRA_ID = ENTRA_V2.change("an ID token", Reason.WRONG_AUDIENCE, scp=None, azp=None, azpacr=None)
ENTRA_APPLICATION = {"scp": None, "idtyp": "app", "roles": ["reports.read.all"]}
ENTRA_JWK = {"use": "sig", "x5t": "k1", "x5c": ["MIIC"], "issuer": "https://login.microsoftonline.com/TENANT_ID/v2.0"}
GOOGLE = Sample(
    "a user's",
    {
        "iss": "https://accounts.google.com",
        "azp": "CLIENT_ID.apps.googleusercontent.com",
        "aud": "CLIENT_ID.apps.googleusercontent.com",
        "sub": "110169484474386276334",
        "hd": "example.com",
        "email": "jane@example.com",
        "email_verified": True,
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
    },
    "110169484474386276334",
)
KEYCLOAK = Sample(
    "a user's",
    {
        "iss": "https://HOST/realms/REALM",
        "aud": ["CLIENT_ID", "account"],
        "sub": "f1b0f1a0-0000-4000-8000-000000000001",
        "typ": "Bearer",
        "azp": "web",
        "acr": "1",
        "allowed-origins": ["https://app.example.com"],
        "realm_access": {"roles": ["reader", "offline_access"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
        "scope": "profile email",
    },
    "f1b0f1a0-0000-4000-8000-000000000001",
    frozenset({"profile", "email", "reader", "offline_access"}),
)
KEYCLOAK_ACCESS = dict.fromkeys(("allowed-origins", "realm_access", "resource_access", "scope"))
"""The claims that only access tokens have."""
CLERK = Sample(
    "a user's",
    {
        "azp": "https://app.example.com",
        "fva": [0, -1],
        "iss": "https://CLERK_FRONTEND_API",
        "nbf": NOW - 70,
        "fea": "o:reports",
        "o": {"id": "org_123", "rol": "admin", "slg": "acme", "per": "read,manage", "fpm": "3"},
        "pla": "o:pro",
        "sid": "sess_2GaMqUCB3Sc1WNAkWuNzsnYVVEy",
        "sts": "active",
        "sub": "user_2GaMqUCB3Sc1WNAkWuNzsnYVVEx",
        "v": 2,
    },
    "user_2GaMqUCB3Sc1WNAkWuNzsnYVVEx",
    frozenset({"admin"}),
)
SUPABASE = Sample(
    "a user's",
    {
        "iss": "https://PROJECT.supabase.co/auth/v1",
        "sub": "8ccaa7af-909f-44e7-84cb-67cdccb56be6",
        "aud": "authenticated",
        "email": "jane@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": NOW - 60}],
        "session_id": "3cdb2a5f-6f33-4f0d-8a4f-2d9d8f2a6d3a",
        "is_anonymous": False,
    },
    "8ccaa7af-909f-44e7-84cb-67cdccb56be6",
)
WORKOS = Sample(
    "a user's",
    {
        "iss": "https://api.workos.com/user_management/CLIENT_ID",
        "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT",
        "client_id": "CLIENT_ID",
        "org_id": "org_01HRDMC6CM357W30QMHMQ96Q0S",
        "role": "member",
        "roles": ["member"],
        "permissions": ["posts:read", "posts:write"],
        "entitlements": ["audit-logs"],
        "sid": "session_01HQSXZGF8FHF7A9ZZFCW4387R",
        "jti": "01HQSXZXPPFPKMDD32RKTFY6PV",
    },
    "user_01HBEQKA6K4QJAS93VPE39W1JT",
    frozenset({"posts:read", "posts:write"}),
)
FIREBASE = Sample(
    "a user's",
    {
        "iss": "https://securetoken.google.com/PROJECT_ID",
        "aud": "PROJECT_ID",
        "auth_time": NOW - 60,
        "user_id": "Xq0cN1Y7wVbq",
        "sub": "Xq0cN1Y7wVbq",
        "email": "jane@example.com",
        "email_verified": True,
        "firebase": {"identities": {"email": ["jane@example.com"]}, "sign_in_provider": "password"},
    },
    "Xq0cN1Y7wVbq",
)
ADFS = Sample(
    "a user's",
    {
        "aud": "https://api.example.com",
        "iss": "http://HOST/adfs/services/trust",
        "upn": "jane@corp.example",
        "apptype": "Public",
        "appid": "60b3d106-d155-4f9f-ba75-84b8078829fa",
        "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "auth_time": "2026-02-13T08:27:46.918Z",
        "ver": "1.0",
        "scp": "profile openid",
    },
    "jane@corp.example",
    frozenset({"profile", "openid"}),
)
SPIFFE = Sample(
    "a workload's",
    {"aud": ["https://api.example.com"], "iss": "https://spire.example.org", "sub": "spiffe://example.org/billing"},
    "spiffe://example.org/billing",
)
ENTRA_EXTERNAL = Sample(
    "a customer's",
    {**ENTRA_V2.claims, "iss": "https://TENANT_ID.ciamlogin.com/TENANT_ID/v2.0"},
    ENTRA_V2.sub,
    ENTRA_V2.scopes,
)
B2C = Sample(
    "a user's",
    {
        "iss": "https://TENANT.b2clogin.com/TENANT_ID/v2.0/",
        "nbf": NOW - 60,
        "aud": "API_CLIENT_ID",
        "sub": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "name": "Jane Doe",
        "emails": ["jane@example.com"],
        "tfp": "B2C_1_SIGN_IN",
        "nonce": "defaultNonce",
        "scp": "reports.read reports.write",
        "azp": "CLIENT_ID",
        "ver": "1.0",
        "auth_time": NOW - 60,
    },
    "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    frozenset({"reports.read", "reports.write"}),
)
ZITADEL = Sample(
    "a user's",
    {
        "iss": "https://INSTANCE.zitadel.cloud",
        "sub": "345377791925026818",
        "aud": ["344374183645413390", "PROJECT_ID"],
        "nbf": NOW - 60,
        "jti": "V2_345377791925026819-at_345377791925026820",
        "client_id": "344374183645413390",
        "urn:zitadel:iam:org:project:PROJECT_ID:roles": {
            "reader": {"344373908297744388": "acme.zitadel.cloud"},
            "writer": {"344373908297744388": "acme.zitadel.cloud"},
        },
    },
    "345377791925026818",
    frozenset({"reader", "writer"}),
)
KUBERNETES = Sample(
    "a pod's",
    {
        "aud": ["https://api.example.com"],
        "iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/CLUSTER_ID",
        "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
        "kubernetes.io": {
            "namespace": "billing",
            "node": {"name": "worker", "uid": "517eb86e-b863-451b-bf70-86cb61439a3a"},
            "pod": {"name": "invoices-0", "uid": "0d8b260e-ef0e-45fb-be8e-ff44f97722e8"},
            "serviceaccount": {"name": "invoices", "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d"},
            "warnafter": NOW + 3000,
        },
        "nbf": NOW - 60,
        "sub": "system:serviceaccount:billing:invoices",
    },
    "system:serviceaccount:billing:invoices",
)
CIRCLECI = Sample(
    "a job's",
    {
        "iss": "https://oidc.circleci.com/org/ORG_ID",
        "aud": "ORG_ID",
        "sub": "org/ORG_ID/project/PROJECT_ID/user/USER_ID/vcs-origin/github.com/acme/api/vcs-ref/refs/heads/main",
        "oidc.circleci.com/context-ids": ["58ea3951-5b0f-4f3f-8b1c-3f6b8d0a5a0e"],
        "oidc.circleci.com/org-id": "ORG_ID",
        "oidc.circleci.com/pipeline-id": "6c4e7a3f-9d36-4a39-8a5f-3f5d3c0b9a11",
        "oidc.circleci.com/project-id": "PROJECT_ID",
        "oidc.circleci.com/ssh-rerun": False,
        "oidc.circleci.com/vcs-origin": "github.com/acme/api",
        "oidc.circleci.com/vcs-ref": "refs/heads/main",
    },
    "org/ORG_ID/project/PROJECT_ID/user/USER_ID/vcs-origin/github.com/acme/api/vcs-ref/refs/heads/main",
)
GITHUB = Sample(
    "a workflow's",
    {
        "jti": "e8f2a5f0-9b0a-4a57-8f3c-0f2d7a6c1b11",
        "sub": "repo:acme/api:ref:refs/heads/main",
        "aud": "https://api.example.com",
        "ref": "refs/heads/main",
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "repository": "acme/api",
        "repository_owner": "acme",
        "repository_owner_id": "65",
        "repository_id": "REPOSITORY_ID",
        "repository_visibility": "private",
        "run_id": "30433642",
        "run_number": "10",
        "run_attempt": "1",
        "actor": "jane",
        "actor_id": "12",
        "workflow": "deploy",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_type": "branch",
        "ref_protected": "true",
        "job_workflow_ref": "acme/api/.github/workflows/deploy.yml@refs/heads/main",
        "runner_environment": "github-hosted",
        "iss": "https://token.actions.githubusercontent.com",
        "nbf": NOW - 60,
    },
    "repo:acme/api:ref:refs/heads/main",
)
REPLICATED = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_POOLID"
COGNITO_REPLICATED = Sample(
    "a user's", {**COGNITO_ACCESS.claims, "iss": REPLICATED}, COGNITO_ACCESS.sub, COGNITO_ACCESS.scopes
)
WITHOUT_AUDIENCE = Sample(
    "a client's", {"iss": "https://issuer.example.com", "sub": "billing", "tenant": "acme"}, "billing"
)
ENCRYPTION = {"kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP", "n": "sXch", "e": "AQAB"}
CERTIFICATES = {"kty": "EC", "crv": "P-256", "use": "x509-svid", "x": "AA", "y": "AA", "x5c": ["MIIB"]}

TOKENS: Final[Mapping[str, Tokens]] = {
    "auth0": Tokens(
        [
            AUTH0,
            Sample(
                "a machine's",
                {
                    **{name: AUTH0.claims[name] for name in ("iss", "azp")},
                    "sub": "CLIENT_ID@clients",
                    "aud": "https://api.example.com",
                    "gty": "client-credentials",
                },
                "CLIENT_ID@clients",
                header={"typ": "at+jwt"},
            ),
            AUTH0.change("an ID token", Reason.WRONG_AUDIENCE, aud="CLIENT_ID", azp=None, scope=None, permissions=None),
            AUTH0.change("for Auth0 alone", Reason.WRONG_AUDIENCE, aud="https://TENANT.eu.auth0.com/userinfo"),
            AUTH0.change("without the slash", Reason.WRONG_ISSUER, iss="https://TENANT.eu.auth0.com"),
        ]
    ),
    "cognito-id": Tokens(
        [
            COGNITO_ID,
            COGNITO_ID.change("for another client", Reason.WRONG_AUDIENCE, aud="OTHER"),
            Sample("an access token", COGNITO_ACCESS.claims, refused=Reason.WRONG_CLAIM),
        ],
        COGNITO_HEADER,
    ),
    "cognito-access": Tokens(
        [
            COGNITO_ACCESS,
            COGNITO_ACCESS.change("for another client", Reason.WRONG_AUDIENCE, client_id="OTHER"),
            Sample("an ID token", COGNITO_ID.claims, refused=Reason.WRONG_CLAIM),
        ],
        COGNITO_HEADER,
    ),
    "okta": Tokens(
        [
            OKTA,
            OKTA.change("of the org server", Reason.WRONG_ISSUER, iss="https://ORG.okta.com"),
            OKTA.change("an ID token", Reason.WRONG_AUDIENCE, aud="0oahdhjkutaGcIK2M4x6"),
        ],
        {"kid": "k1"},
    ),
    "entra-v2": Tokens(
        [
            ENTRA_V2,
            Sample(
                "an application's",
                {n: v for n, v in {**ENTRA_V2.claims, **ENTRA_APPLICATION}.items() if v is not None},
                ENTRA_V2.sub,
                frozenset({"reports.read.all"}),
            ),
            Sample(
                "an ID token of the API's own registration",
                {**ENTRA_ID.claims, "roles": ["reports.read.all"]},
                ENTRA_V2.sub,
                frozenset({"reports.read.all"}),
            ),
            ENTRA_ID.change("an ID token of another registration", Reason.WRONG_AUDIENCE, aud="CLIENT_ID"),
            ENTRA_V2.change("for Graph", Reason.WRONG_AUDIENCE, aud="00000003-0000-0000-c000-000000000000"),
            ENTRA_V2.change(
                "of another tenant", Reason.WRONG_ISSUER, iss="https://login.microsoftonline.com/OTHER/v2.0"
            ),
            Sample("v1", ENTRA_V1.claims, refused=Reason.WRONG_ISSUER),
        ],
        jwk=ENTRA_JWK,
    ),
    "entra-v1": Tokens(
        [
            ENTRA_V1,
            ENTRA_V1.change(
                "an ID token", Reason.WRONG_AUDIENCE, aud="API_CLIENT_ID", scp=None, appid=None, appidacr=None
            ),
            ENTRA_V1.change("for another API", Reason.WRONG_AUDIENCE, aud="api://OTHER"),
            Sample("v2", ENTRA_V2.claims, refused=Reason.WRONG_ISSUER),
        ],
        {"typ": "JWT", "kid": "k1", "x5t": "k1"},
        ENTRA_JWK,
    ),
    "google": Tokens(
        [
            GOOGLE,
            Sample("with the other spelling", {**GOOGLE.claims, "iss": "accounts.google.com"}, GOOGLE.sub),
            GOOGLE.change("of another domain", Reason.WRONG_CLAIM, hd="other.example"),
            GOOGLE.change("of a private account", Reason.WRONG_CLAIM, hd=None),
            GOOGLE.change("for another client", Reason.WRONG_AUDIENCE, aud="OTHER.apps.googleusercontent.com"),
        ],
        others=[jwk("RS-other", "k0", alg="RS256", use="sig")],
    ),
    "keycloak": Tokens(
        [
            KEYCLOAK,
            Sample(
                "a machine's, lightweight",
                {
                    "iss": "https://HOST/realms/REALM",
                    "aud": "CLIENT_ID",
                    "typ": "Bearer",
                    "azp": "billing",
                    "client_id": "billing",
                    "scope": "profile",
                },
                "billing",
                frozenset({"profile"}),
            ),
            KEYCLOAK.change(
                "an ID token", Reason.WRONG_CLAIM, aud="CLIENT_ID", typ="ID", azp="CLIENT_ID", **KEYCLOAK_ACCESS
            ),
            KEYCLOAK.change(
                "a logout token", Reason.WRONG_CLAIM, aud="CLIENT_ID", typ="Logout", azp=None, **KEYCLOAK_ACCESS
            ),
            KEYCLOAK.change("for the account console", Reason.WRONG_AUDIENCE, aud="account"),
            KEYCLOAK.change("a user's, lightweight, without sub", Reason.MALFORMED_CLAIMS, sub=None),
        ],
        others=[ENCRYPTION],
    ),
    "clerk": Tokens(
        [
            CLERK,
            Sample(
                "a user's without an organization",
                {name: value for name, value in CLERK.claims.items() if name != "o"},
                CLERK.sub,
            ),
            CLERK.change("an ID token of an OAuth application", Reason.WRONG_AUDIENCE, aud="CLIENT_ID", azp=None),
            CLERK.change("of another page", Reason.WRONG_AUDIENCE, azp="https://evil.example"),
            CLERK.change("of no page", Reason.WRONG_AUDIENCE, azp=None),
            CLERK.change("of a template for another service", Reason.WRONG_AUDIENCE, aud="other"),
        ],
        {"typ": "JWT", "kid": "ins_2GaMqUCB3Sc1WNAkWuNzsnYVVEz", "cat": "cl_B7d4PD111AAA"},
    ),
    "supabase": Tokens(
        [
            SUPABASE,
            SUPABASE.change("an ID token of the OAuth server", Reason.WRONG_AUDIENCE, aud="CLIENT_ID"),
            SUPABASE.change("an anonymous user's", Reason.WRONG_CLAIM, is_anonymous=True),
            SUPABASE.change("of another project", Reason.WRONG_ISSUER, iss="https://OTHER.supabase.co/auth/v1"),
        ],
        jwk={"alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": True},
        alg="ES256",
    ),
    "workos": Tokens(
        [
            WORKOS,
            WORKOS.change("for another client", Reason.WRONG_AUDIENCE, client_id="OTHER"),
            WORKOS.change("of a template for another service", Reason.WRONG_AUDIENCE, aud="other"),
            WORKOS.change("for no client", Reason.WRONG_AUDIENCE, client_id=None),
        ],
        {"kid": "sso_oidc_key_pair_01HBEQKA6K4QJAS93VPE39W1JT"},
    ),
    "firebase": Tokens(
        [
            FIREBASE,
            FIREBASE.change("of another project", Reason.WRONG_AUDIENCE, aud="OTHER"),
            FIREBASE.change("of an unknown address", Reason.WRONG_CLAIM, email_verified=False),
            FIREBASE.change("an anonymous user's", Reason.WRONG_CLAIM, email=None, email_verified=None),
        ],
        others=[jwk("RS-other", "k0", alg="RS256", use="sig")],
    ),
    "adfs": Tokens(
        [
            ADFS,
            Sample(
                "a user's, with sub",
                {**ADFS.claims, "sub": "xBZpMT9z/rS+4n4iYDFw="},
                "xBZpMT9z/rS+4n4iYDFw=",
                ADFS.scopes,
            ),
            ADFS.change("an ID token", Reason.WRONG_ISSUER, iss="https://HOST/adfs"),
            ADFS.change("for AD FS alone", Reason.WRONG_AUDIENCE, aud="urn:microsoft:userinfo"),
            ADFS.change("of nobody", Reason.MALFORMED_CLAIMS, upn=None),
        ],
        {"typ": "JWT", "x5t": "l_OZUmitFFug_qgT4aBrvnyxm94"},
        {"alg": "RS256", "use": "sig", "kid": "l_OZUmitFFug_qgT4aBrvnyxm94", "x5t": "l_OZUmitFFug_qgT4aBrvnyxm94"},
    ),
    "spiffe": Tokens(
        [
            SPIFFE,
            Sample("a workload's, without typ", SPIFFE.claims, SPIFFE.sub, header={"typ": None}),
            SPIFFE.change("for another service", Reason.WRONG_AUDIENCE, aud=["https://other.example"]),
            SPIFFE.change("of a server that names no issuer", Reason.WRONG_ISSUER, iss=None),
        ],
        {"typ": "JOSE", "kid": "k1"},
        {"use": "jwt-svid"},
        [CERTIFICATES],
        "ES256",
    ),
    "entra-external": Tokens(
        [
            ENTRA_EXTERNAL,
            ENTRA_EXTERNAL.change(
                "an ID token", Reason.WRONG_AUDIENCE, aud="CLIENT_ID", scp=None, azp=None, azpacr=None
            ),
            ENTRA_EXTERNAL.change(
                "of another tenant", Reason.WRONG_ISSUER, iss="https://OTHER.ciamlogin.com/OTHER/v2.0"
            ),
            ENTRA_EXTERNAL.change(
                "with the name of the tenant",
                Reason.WRONG_ISSUER,
                iss="https://TENANT.ciamlogin.com/TENANT_ID/v2.0",
            ),
            Sample("of a workforce tenant", ENTRA_V2.claims, refused=Reason.WRONG_ISSUER),
        ],
        jwk=ENTRA_JWK | {"issuer": "https://TENANT_ID.ciamlogin.com/TENANT_ID/v2.0"},
    ),
    "azure-ad-b2c": Tokens(
        [
            B2C,
            B2C.change("an ID token", Reason.WRONG_AUDIENCE, aud="CLIENT_ID", scp=None, azp=None),
            B2C.change("of another user flow", Reason.WRONG_CLAIM, tfp="B2C_1_OTHER"),
            B2C.change("of an older policy", Reason.WRONG_CLAIM, tfp=None, acr="b2c_1_sign_in"),
            B2C.change("of another tenant", Reason.WRONG_ISSUER, iss="https://OTHER.b2clogin.com/OTHER/v2.0/"),
            B2C.change("without the slash", Reason.WRONG_ISSUER, iss="https://TENANT.b2clogin.com/TENANT_ID/v2.0"),
        ],
        jwk={"use": "sig", "nbf": NOW - 86_400},
    ),
    "zitadel": Tokens(
        [
            ZITADEL,
            Sample(
                "a user's without roles",
                {name: value for name, value in ZITADEL.claims.items() if not name.startswith("urn:")},
                ZITADEL.sub,
            ),
            ZITADEL.change("for another project", Reason.WRONG_AUDIENCE, aud=["344374183645413391"]),
            ZITADEL.change("of another instance", Reason.WRONG_ISSUER, iss="https://OTHER.zitadel.cloud"),
        ],
        {"kid": "344374183645413392"},
    ),
    "kubernetes": Tokens(
        [
            KUBERNETES,
            KUBERNETES.change("for the API server", Reason.WRONG_AUDIENCE, aud=["https://kubernetes.default.svc"]),
            KUBERNETES.change(
                "of another namespace",
                Reason.WRONG_CLAIM,
                sub="system:serviceaccount:default:default",
                **{"kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "default"}}},
            ),
            KUBERNETES.change("without the namespace", Reason.WRONG_CLAIM, **{"kubernetes.io": None}),
            Sample(
                "from a Secret",
                {
                    "iss": "kubernetes/serviceaccount",
                    "kubernetes.io/serviceaccount/namespace": "billing",
                    "sub": KUBERNETES.sub,
                },
                refused=Reason.WRONG_ISSUER,
            ),
        ],
        {"kid": "OAjVVaejWFc0Yt9ykr0_8lMMuRNs67OXTWHsN02Pkyw"},
    ),
    "circleci": Tokens(
        [
            CIRCLECI,
            CIRCLECI.change("of another project", Reason.WRONG_CLAIM, **{"oidc.circleci.com/project-id": "OTHER"}),
            CIRCLECI.change("with another audience", Reason.WRONG_AUDIENCE, aud="sts.amazonaws.com"),
            CIRCLECI.change("of another organization", Reason.WRONG_ISSUER, iss="https://oidc.circleci.com/org/OTHER"),
        ],
    ),
    "github-actions": Tokens(
        [
            GITHUB,
            GITHUB.change("of another repository", Reason.WRONG_CLAIM, repository_id="1", repository="other/api"),
            GITHUB.change(
                "of another repository with the same name", Reason.WRONG_CLAIM, repository_id="1", repository="acme/api"
            ),
            GITHUB.change("of another branch", Reason.WRONG_CLAIM, ref="refs/heads/other"),
            GITHUB.change("of a pull request", Reason.WRONG_CLAIM, ref="refs/pull/1/merge", event_name="pull_request"),
            GITHUB.change("with the default audience", Reason.WRONG_AUDIENCE, aud="https://github.com/acme"),
        ],
        {"typ": "JWT", "kid": "cc413527-173f-5a05-976e-9c52b1d7b431", "x5t": "eBZ_cn3sXYAd0ch4THBKHIgOwOE"},
        others=[jwk("RS-other", "k0", alg="RS256", use="sig")],
    ),
    "cognito-replicated": Tokens(
        [
            COGNITO_REPLICATED,
            Sample(
                "from before the change of the issuer", COGNITO_ACCESS.claims, COGNITO_ACCESS.sub, COGNITO_ACCESS.scopes
            ),
            COGNITO_REPLICATED.change("for another client", Reason.WRONG_AUDIENCE, client_id="OTHER"),
            COGNITO_REPLICATED.change(
                "with the Region of a replica",
                Reason.WRONG_ISSUER,
                iss=REPLICATED.replace("idp.eu-west-1", "idp.eu-west-2"),
            ),
            Sample("an ID token", {**COGNITO_ID.claims, "iss": REPLICATED}, refused=Reason.WRONG_CLAIM),
        ],
        COGNITO_HEADER,
    ),
    "without-audience": Tokens(
        [
            WITHOUT_AUDIENCE,
            WITHOUT_AUDIENCE.change("for another service", Reason.WRONG_AUDIENCE, aud="https://other.example.com"),
            WITHOUT_AUDIENCE.change("of another tenant", Reason.WRONG_CLAIM, tenant="other"),
            WITHOUT_AUDIENCE.change("of nobody", Reason.MALFORMED_CLAIMS, sub=None),
        ],
    ),
}
"""By the name of the recipe."""


def with_other_signature(text: str) -> str:
    """The same token, signed with another key."""
    header, payload, signature = text.split(".")
    return f"{header}.{payload}.{base64url(bytes(len(signature) * 3 // 4))}"
