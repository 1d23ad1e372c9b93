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


def make_provider(emulator: Endpoint) -> Provider:
    """Create a user pool with a client and a user."""
    cognito: Any = client(emulator, "cognito-idp")
    pool = cognito.create_user_pool(PoolName="multi-auth")["UserPool"]["Id"]
    client_id = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
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
