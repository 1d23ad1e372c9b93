"""The identity provider: a Cognito user pool in the emulator, with one user, who is in the group `admins`."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from local.emulator import Endpoint
from local.session import client

USER = "ada@example.com"
GROUP = "admins"


@dataclass(frozen=True)
class Provider:
    """A user pool with its client, and the settings of the authorizer for it."""

    issuer: str
    audience: str
    jwks_url: str
    user_pool: str
    password: str = field(repr=False)

    def entry(self) -> dict[str, str]:
        """Return the members of the provider's `[[provider]]` table."""
        return {"issuer": self.issuer, "audience": self.audience, "jwks_url": self.jwks_url}

    def self_service(self) -> dict[str, Any]:
        """Return the members of the provider's `[[self_service.provider]]` table."""
        server = self.jwks_url.removesuffix(f"/{self.user_pool}/.well-known/jwks.json")
        sign_in = {
            "client_id": self.audience,
            "scope": " ".join(SCOPES),
            "authorize_url": f"{server}/oauth2/authorize",
            "token_url": f"{server}/oauth2/token",
        }
        return {"issuer": self.issuer, "client_ids": [self.audience], "sign_in": sign_in}


SCOPES = ("openid", "reports:write")
"""Those that the page of self-service asks for, and the last one those that it can give to keys."""
_CLIENT = "web"
_POOL = "multi-auth"


def make_provider(emulator: Endpoint) -> Provider:
    """Create a user pool with a client and a user."""
    cognito: Any = client(emulator, "cognito-idp")
    pool = cognito.create_user_pool(PoolName=_POOL)["UserPool"]["Id"]
    client_id = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName=_CLIENT, ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    password = f"Aa1-{secrets.token_urlsafe(16)}"
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=USER,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": USER}, {"Name": "email_verified", "Value": "true"}],
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
    cognito.create_group(UserPoolId=pool, GroupName=GROUP)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=USER, GroupName=GROUP)
    return Provider(
        issuer=f"https://cognito-idp.{cognito.meta.region_name}.amazonaws.com/{pool}",
        audience=client_id,
        jwks_url=f"{emulator.endpoint_url}/{pool}/.well-known/jwks.json",
        user_pool=pool,
        password=password,
    )


def permit_sign_in(emulator: Endpoint, page: str) -> None:
    """Let users of the pool sign in on this page, with an authorization code and PKCE."""
    cognito: Any = client(emulator, "cognito-idp")
    (pool,) = [each["Id"] for each in cognito.list_user_pools(MaxResults=60)["UserPools"] if each["Name"] == _POOL]
    clients = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    (client_id,) = [each["ClientId"] for each in clients if each["ClientName"] == _CLIENT]
    cognito.update_user_pool_client(
        UserPoolId=pool,
        ClientId=client_id,
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=list(SCOPES),
        CallbackURLs=[page],
        SupportedIdentityProviders=["COGNITO"],
    )


def access_token(emulator: Endpoint, provider: Provider) -> str:
    """Sign the user in, and return an access token. An ID token is for the client that requested it, not for APIs."""
    return sign_in(emulator, provider)["AccessToken"]


def sign_in(emulator: Endpoint, provider: Provider) -> dict[str, str]:
    """Sign the user in, and return `IdToken` and `AccessToken`."""
    cognito: Any = client(emulator, "cognito-idp")
    answer = cognito.admin_initiate_auth(
        UserPoolId=provider.user_pool,
        ClientId=provider.audience,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": USER, "PASSWORD": provider.password},
    )
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens
