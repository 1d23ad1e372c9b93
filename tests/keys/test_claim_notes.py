"""How `keys check` reports claim paths and required claims."""

from authorizer import auth_file
from keys.deployment.file_notes import claim_notes

FILE = """
[[provider]]
issuer = "https://a.example"
audience = "api"
scope_claims = ["scope", "https://a.example/roles"]
required_claims = { hd = ["a.example", "b.example"], "kubernetes.io".namespace = "prod", typ = "Bearer" }

[[rule]]
route = "GET /me"
claims = { "org.plan" = "gold", "cognito:groups" = "admins" }
any = [{ issuers = ["https://a.example", "https://b.example"] }]
"""


def test_each_path_is_reported_that_is_not_a_plain_name_and_each_required_claim() -> None:
    widely = ", or a list that contains"
    assert list(claim_notes(auth_file.parse(FILE))) == [
        'the claim path https://a.example/roles is read as "https://a.example/roles"',
        'the claim path "kubernetes.io".namespace is read as "kubernetes.io", then "namespace"',
        'the claim path org.plan is read as "org", then "plan"',
        f'tokens of https://a.example are accepted only if hd is one of "a.example", "b.example"{widely} one of them',
        f'tokens of https://a.example are accepted only if "kubernetes.io".namespace is "prod"{widely} it',
        f'tokens of https://a.example are accepted only if typ is "Bearer"{widely} it',
        "line 8: no [[provider]] of this file has the issuer https://b.example, so its tokens are refused",
    ]
