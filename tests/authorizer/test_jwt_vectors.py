"""Hostile and unusual tokens and key sets, each with its outcome and reason."""

import functools
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authorizer.claims import Claim
from authorizer.identity import Identity
from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.provider import Provider
from authorizer.refusal import Reason, Refusal
from tests.support.tokens import AUDIENCE, ISSUER, NOW, base64url, claims, jwk, key_set, private_key, token

COGNITO = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
PROVIDER = Provider(ISSUER, frozenset({AUDIENCE, "second"}))
UNAVAILABLE = "unavailable"
ALLOWED = "allowed"
LEEWAY = 30


@dataclass(frozen=True)
class Vector:
    """A token, which is created when its test runs, the key set, the provider, and the outcome."""

    what: str
    make: Callable[[], str]
    outcome: Reason | str
    keys: Callable[[], bytes] = lambda: key_set(jwk())
    provider: Provider = PROVIDER


def decide(text: str, keys: bytes, provider: Provider = PROVIDER) -> tuple[Identity | Reason | str | None, list[str]]:
    """The outcome of a token, and the URLs that were fetched for it."""
    fetched: list[str] = []

    def fetch(url: str, _seconds: float) -> bytes:
        fetched.append(url)
        return keys

    source = SigningKeys(
        provider._replace(jwks_url="https://issuer.example/jwks.json"),
        fetch=fetch,
        clock=lambda: NOW,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )
    authenticator = JwtAuthenticator([(provider, source)], leeway_seconds=LEEWAY, clock=lambda: NOW)
    try:
        return authenticator.authenticate(text), fetched
    except Refusal as error:
        return error.reason, fetched
    except KeysUnavailable:
        return UNAVAILABLE, fetched


def with_claims(**changes: Any) -> Callable[[], str]:
    return lambda: token(claims(**changes))


def with_header(**members: Any) -> Callable[[], str]:
    return lambda: token(header=members)


def with_payload(text: Any) -> Callable[[], str]:
    return lambda: token(text if isinstance(text, bytes) else text.encode())


def with_raw_claim(name: str, text: str) -> Callable[[], str]:
    """A claim as JSON text, which can be text that no serializer writes."""
    return lambda: token(json.dumps(claims(**{name: None}))[:-1].encode() + f', "{name}": {text}}}'.encode())


def with_raw_header(text: Any) -> Callable[[], str]:
    return lambda: token(header=text if isinstance(text, bytes) else text.encode())


def changed(change: Callable[[str, str, str], str]) -> Callable[[], str]:
    def make() -> str:
        header, payload, signature = token().split(".")
        return change(header, payload, signature)

    return make


def non_canonical(part: str) -> str:
    """Another base64url spelling of the same bytes and length, with other unused bits in the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 in (2, 3)
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


def signed_with_secret(secret: bytes, alg: str, digest: str) -> str:
    text = f"{base64url(json.dumps({'alg': alg, 'kid': 'k1'}).encode())}.{base64url(json.dumps(claims()).encode())}"
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), digest))}"


def public_pem() -> bytes:
    pem: bytes = private_key("RS").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def public_der() -> bytes:
    der: bytes = private_key("RS").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def only(kind: str) -> bytes:
    return key_set(jwk(kind))


def edwards_named(
    what: str, curve: str, alg: str, named: str | None, allowed: str, outcome: Reason | str = ALLOWED
) -> Vector:
    """A token signed with this curve, with these names in token, key and setting."""
    return Vector(
        what,
        lambda: token(header={"alg": alg}, alg=curve),
        outcome,
        lambda: key_set(jwk(curve, alg=named)),
        provider(algorithms=frozenset({allowed})),
    )


def rs(**members: Any) -> Callable[[], bytes]:
    return lambda: key_set(jwk(**members))


def provider(**changes: Any) -> Provider:
    return PROVIDER._replace(**changes)


GOOD = [
    *(
        Vector(f"a token signed with {alg}", functools.partial(token, alg=alg), ALLOWED, functools.partial(only, kind))
        for alg, kind in [
            *((alg, "RS") for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
            *((alg, alg) for alg in ("ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448")),
        ]
    ),
    Vector("no typ", with_header(typ=None), ALLOWED),
    Vector("typ at+jwt", with_header(typ="at+jwt"), ALLOWED),
    Vector("typ in another case", with_header(typ="jwt"), ALLOWED),
    Vector("typ with its media type's prefix", with_header(typ="application/at+JWT"), ALLOWED),
    Vector("no kid, and one key that fits", with_header(kid=None), ALLOWED),
    Vector("no kid, and one key that fits beside one of another type", with_header(kid=None), ALLOWED,
           lambda: key_set(jwk(), jwk("ES256", "k2"))),
    Vector("a kid with slashes, plus and equals signs", with_header(kid="a/b+c="), ALLOWED, rs(kid="a/b+c=")),
    Vector("a key without alg", token, ALLOWED, rs(alg=None)),
    Vector("a key with the token's alg", token, ALLOWED, rs(alg="RS256")),
    Vector("a key for signatures", token, ALLOWED, rs(use="sig")),
    Vector("a key for verifying", token, ALLOWED, rs(key_ops=["verify"])),
    Vector("an unusable key beside the right one", token, ALLOWED, lambda: key_set({"kty": "oct", "k": "AA"}, 7, jwk())),
    Vector("the same kid for a key of another type", token, ALLOWED, lambda: key_set(jwk(), jwk("ES256", "k1"))),
    Vector("an encryption key of the same kid", token, ALLOWED, lambda: key_set(jwk("RS-other", use="enc"), jwk())),
    Vector("an audience list with ours in it", with_claims(aud=["other", AUDIENCE]), ALLOWED),
    Vector("the second of our audiences", with_claims(aud="second"), ALLOWED),
    Vector("an expiry within the leeway", with_claims(exp=NOW - LEEWAY + 1), ALLOWED),
    Vector("an expiry with a fraction", with_claims(exp=NOW + 0.5), ALLOWED),
    Vector("nbf within the leeway", with_claims(nbf=NOW + LEEWAY), ALLOWED),
    Vector("iat within the leeway", with_claims(iat=NOW + LEEWAY), ALLOWED),
    Vector("no iat", with_claims(iat=None), ALLOWED),
    Vector("a sub of another script", with_claims(sub="Zoë-用户"), ALLOWED),
    Vector("an emoji written as a surrogate pair", with_raw_claim("name", r'"\ud83d\ude00"'), ALLOWED),
    Vector("jku, x5u, x5c and jwk in the header are ignored",
           with_header(jku="https://evil.example", x5u="https://evil.example", x5c=["AA"], jwk={"kty": "oct"}), ALLOWED),
    Vector("an unknown header member", with_header(foo="bar"), ALLOWED),
    Vector("a required claim with its value", with_claims(hd="example.com"), ALLOWED,
           provider=provider(required_claims=(Claim(("hd",), ["example.com"]),))),
    *(
        Vector(f"one of two required values as {value!r}", with_claims(groups=value), ALLOWED,
               provider=provider(required_claims=(Claim(("groups",), ["b", True]),)))
        for value in ["b", ["a", "b"], True, [True]]
    ),
    *(
        Vector(f"a required 2 that is {value!r}", with_claims(level=value), ALLOWED,
               provider=provider(required_claims=(Claim(("level",), [2]),)))
        for value in [2, 2.0, [2.0]]
    ),
    Vector("nbf is null", with_raw_claim("nbf", "null"), ALLOWED),
    Vector("iat is null", with_raw_claim("iat", "null"), ALLOWED),
    Vector("the authorized party", with_claims(azp="web"), ALLOWED,
           provider=provider(authorized_parties=frozenset({"web"}))),
    Vector("an access token of Cognito", with_claims(iss=COGNITO, aud=None, client_id="second", token_use="access"),
           ALLOWED, provider=provider(issuer=COGNITO)),
    *(
        Vector(f"an access token of Cognito at {host}", with_claims(iss=f"https://{host}/eu-west-1_AbCdEf123", aud=None,
               client_id="second", token_use="access"), ALLOWED, provider=provider(issuer=f"https://{host}/eu-west-1_AbCdEf123"))
        for host in (
            "issuer-cognito-idp.eu-west-1.amazonaws.com",
            "cognito-idp.cn-north-1.amazonaws.com.cn", "issuer-cognito-idp.cn-north-1.amazonaws.com.cn",
            "cognito-idp.eusc-de-east-1.amazonaws.eu", "issuer-cognito-idp.eusc-de-east-1.amazonaws.eu",
            "cognito-idp.us-gov-west-1.amazonaws.com",
        )
    ),
    Vector("an ID token of Cognito", with_claims(iss=COGNITO, aud="second", token_use="id"), ALLOWED,
           provider=provider(issuer=COGNITO)),
    Vector("the audience in the second of the provider's claims", with_claims(aud=None, azp="second"), ALLOWED,
           provider=provider(audience_claims=(("aud",), ("azp",)))),
    Vector("the audience in the second claim, the first an empty list", with_claims(aud=[], client_id="second"), ALLOWED,
           provider=provider(audience_claims=(("aud",), ("client_id",)))),
    Vector("the audience within an object", with_claims(aud=None, app={"id": ["x", "second"]}), ALLOWED,
           provider=provider(audience_claims=(("app", "id"),))),
    Vector("the subject in the second of the provider's claims", with_claims(sub=None, client_id="machine"), ALLOWED,
           provider=provider(subject_claims=(("sub",), ("client_id",)))),
    Vector("the subject in the second claim, the first empty", with_claims(sub="", common_name="machine"), ALLOWED,
           provider=provider(subject_claims=(("sub",), ("common_name",)))),
    Vector("a required claim within an object", with_claims(org={"plan": "gold", "x": 1}), ALLOWED,
           provider=provider(required_claims=(Claim(("org", "plan"), ["gold"]),))),
    Vector("lists within each other, 64 deep with the claims themselves", with_raw_claim("x", "[" * 63 + "]" * 63), ALLOWED),
    Vector("many lists beside each other", with_claims(x=[[]] * 500), ALLOWED),
    Vector("brackets in a text", with_claims(x="[" * 500), ALLOWED),
    Vector("over 8 KB, at a provider that takes it", with_claims(groups="x" * 6000), ALLOWED,
           provider=provider(max_token_bytes=10_240)),
]  # fmt: skip

SHAPE = [
    *(
        Vector(what, changed(change), Reason.MALFORMED_TOKEN)
        for what, change in [
            ("two parts", lambda h, p, s: f"{h}.{p}"),
            ("four parts", lambda h, p, s: f"{h}.{p}.{s}.{s}"),
            ("five parts, as an encrypted token", lambda h, p, s: f"{h}.{p}.{s}.{p}.{s}"),
            ("an empty header", lambda h, p, s: f".{p}.{s}"),
            ("an empty payload", lambda h, p, s: f"{h}..{s}"),
            ("an empty signature", lambda h, p, s: f"{h}.{p}."),
            ("dots alone", lambda h, p, s: ".."),
            ("a space before", lambda h, p, s: f" {h}.{p}.{s}"),
            ("a space after", lambda h, p, s: f"{h}.{p}.{s} "),
            ("a line feed after", lambda h, p, s: f"{h}.{p}.{s}\n"),
            ("a carriage return inside", lambda h, p, s: f"{h}.\r{p}.{s}"),
            ("a tab inside", lambda h, p, s: f"{h}.{p[:4]}\t{p[4:]}.{s}"),
            ("a null byte", lambda h, p, s: f"{h}.{p}.{s}\x00"),
            ("padding on the header", lambda h, p, s: f"{h}=.{p}.{s}"),
            ("padding on the payload", lambda h, p, s: f"{h}.{p}=.{s}"),
            ("padding on the signature", lambda h, p, s: f"{h}.{p}.{s}=="),
            ("a plus sign of the other alphabet", lambda h, p, s: f"{h}.{p}.{'+' + s[1:]}"),
            ("a slash of the other alphabet", lambda h, p, s: f"{h}.{p}.{'/' + s[1:]}"),
            ("a percent escape", lambda h, p, s: f"{h}.{p}.%41{s[1:]}"),
            ("a letter that is not ASCII", lambda h, p, s: f"{h}.{p}.é{s[1:]}"),
            ("a full-width letter", lambda h, p, s: f"{h}.{p}.Ａ{s[1:]}"),
            ("a lone surrogate", lambda h, p, s: f"{h}.{p}.\ud800{s[1:]}"),
            ("a part of impossible length", lambda h, p, s: f"{h}.{p}.A"),
            ("a part one character too long", lambda h, p, s: f"{h}.{p}.{s + 'AAA'}"),
            ("unused bits that are not zero", lambda h, p, s: f"{h}.{p}.{non_canonical(s)}"),
            ("a JSON serialization", lambda h, p, s: json.dumps({"payload": p, "protected": h, "signature": s + "."})),
        ]
    ),
    Vector("over 8 KB", with_claims(padding="x" * 8192), Reason.TOKEN_TOO_LONG),
    Vector(
        "over 10 KB, at a provider that takes that",
        with_claims(padding="x" * 8192),
        Reason.TOKEN_TOO_LONG,
        provider=provider(max_token_bytes=10_240),
    ),
    Vector("a million characters", lambda: "a" * 500_000 + "." + "b" * 500_000 + ".c", Reason.TOKEN_TOO_LONG),
]

HEADER = [
    Vector("no typ, where access tokens alone are asked for", with_header(typ=None), Reason.WRONG_TYPE,
           provider=provider(token_types=frozenset({"at+jwt"}))),
    *(
        Vector(f"alg {alg!r}", with_header(alg=alg), Reason.WRONG_ALGORITHM)
        for alg in [
            "none", "None", "NONE", "nOnE", "none ", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "RS257", "ES521",
            "RSA-OAEP", "dir", "A128KW", "SHA256", "ESP256", 256, True, ["RS256"], {"alg": "RS256"}, 1.5,
        ]
    ),
    Vector("alg null", with_raw_header('{"alg": null, "kid": "k1"}'), Reason.WRONG_ALGORITHM),
    Vector("no alg", with_header(alg=None), Reason.WRONG_ALGORITHM),
    Vector("an algorithm that this provider does not use", token, Reason.WRONG_ALGORITHM,
           provider=provider(algorithms=frozenset({"ES256"}))),
    Vector("HMAC with the public key as PEM", lambda: signed_with_secret(public_pem(), "HS256", "sha256"),
           Reason.WRONG_ALGORITHM),
    Vector("HMAC with the public key as DER", lambda: signed_with_secret(public_der(), "HS384", "sha384"),
           Reason.WRONG_ALGORITHM),
    Vector("HMAC under the name of RS256", lambda: signed_with_secret(public_pem(), "RS256", "sha256"),
           Reason.BAD_SIGNATURE),
    *(
        Vector(f"crit {crit!r}", with_header(crit=crit), Reason.CRITICAL_HEADER)
        for crit in [["exp"], ["b64"], [], "exp", {}, True]
    ),
    Vector("crit null", with_raw_header('{"alg": "RS256", "kid": "k1", "crit": null}'), Reason.CRITICAL_HEADER),
    Vector("b64 false", with_header(b64=False), Reason.CRITICAL_HEADER),
    Vector("b64 true", with_header(b64=True), Reason.CRITICAL_HEADER),
    *(
        Vector(f"typ {typ!r}", with_header(typ=typ), Reason.WRONG_TYPE)
        for typ in ["JOSE", "dpop+jwt", "logout+jwt", "secevent+jwt", "id_token", "", " JWT", 7, ["JWT"], "JWT\n"]
    ),
    Vector("typ null", with_raw_header('{"alg": "RS256", "kid": "k1", "typ": null}'), Reason.WRONG_TYPE),
    Vector("a typ that this provider does not use", token, Reason.WRONG_TYPE,
           provider=provider(token_types=frozenset({"at+jwt"}))),
    *(
        Vector(f"kid {kid!r}", with_header(kid=kid), Reason.MALFORMED_HEADER)
        for kid in [7, True, ["k1"], {"kid": "k1"}, ""]
    ),
    *(
        Vector(f"kid {kid!r}", with_header(kid=kid), Reason.UNKNOWN_SIGNING_KEY)
        for kid in ["k2", "K1", "k1 ", " k1", "../k1", "k1\x00", "' OR 1=1 --", "x" * 1000]
    ),
    *(
        Vector(f"a header that is {what}", with_raw_header(text), Reason.MALFORMED_HEADER)
        for what, text in [
            ("no JSON", "hello"), ("empty", " "), ("a list", "[]"), ("a text", '"RS256"'), ("null", "null"),
            ("a number", "7"), ("not UTF-8", b'{"alg": "RS256\xff"}'), ("with a byte order mark", b'\xef\xbb\xbf{"alg": "RS256"}'),
            ("UTF-16", '{"alg": "RS256"}'.encode("utf-16")), ("with a trailing comma", '{"alg": "RS256",}'),
            ("followed by something", '{"alg": "RS256"} x'), ("with alg twice", '{"alg": "RS256", "alg": "none"}'),
            ("with kid twice", '{"alg": "RS256", "kid": "k1", "kid": "k2"}'),
            ("with an escaped duplicate", '{"alg": "RS256", "\\u0061lg": "none"}'),
            ("with NaN", '{"alg": "RS256", "x": NaN}'), ("nested deeply", '{"x": ' + "[" * 2500 + "]" * 2500 + "}"),
            ("with a lone surrogate", '{"alg": "RS256", "kid": "\\ud800"}'),
            ("with single quotes", "{'alg': 'RS256'}"), ("with a comment", '{"alg": "RS256" /* x */}'),
        ]
    ),
]  # fmt: skip

CLAIMS = [
    *(
        Vector(f"a payload that is {what}", with_payload(text), Reason.MALFORMED_CLAIMS)
        for what, text in [
            ("no JSON", "hello"), ("a list", "[]"), ("a text", '"x"'), ("null", "null"), ("a number", "7"),
            ("not UTF-8", b'{"sub": "\xff"}'), ("UTF-16", json.dumps(claims()).encode("utf-16")),
            ("UTF-32", json.dumps(claims()).encode("utf-32")),
            ("with a byte order mark", b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
            ("with a member twice", json.dumps(claims())[:-1] + ', "sub": "admin"}'),
            ("with an escaped duplicate", json.dumps(claims())[:-1] + ', "s\\u0075b": "admin"}'),
            ("with a nested duplicate", json.dumps(claims())[:-1] + ', "x": {"a": 1, "a": 2}}'),
            ("followed by something", json.dumps(claims()) + "{}"),
            ("nested deeply", json.dumps(claims())[:-1] + ', "x": ' + "[" * 2500 + "]" * 2500 + "}"),
            ("with a number of 5000 digits", json.dumps(claims())[:-1] + ', "x": ' + "1" * 5000 + "}"),
            ("with a raw line feed in a text", json.dumps(claims())[:-1] + ', "x": "a\nb"}'),
        ]
    ),
    *(
        Vector(f"{name} {text}", with_raw_claim(name, text), Reason.MALFORMED_CLAIMS)
        for name in ("exp", "nbf", "iat")
        for text in ['"1790000600"', "true", "[]", "{}", "NaN", "Infinity", "-Infinity", "-1", "1e400", "1e30", "1" + "0" * 400, "253402300800"]
    ),
    Vector("exp null", with_raw_claim("exp", "null"), Reason.MALFORMED_CLAIMS),
    Vector("no exp", with_claims(exp=None), Reason.MALFORMED_CLAIMS),
    Vector("exp in the past", with_claims(exp=NOW - 600), Reason.EXPIRED_TOKEN),
    Vector("exp at the end of the leeway", with_claims(exp=NOW - LEEWAY), Reason.EXPIRED_TOKEN),
    Vector("exp zero", with_claims(exp=0), Reason.EXPIRED_TOKEN),
    Vector("nbf beyond the leeway", with_claims(nbf=NOW + LEEWAY + 1), Reason.NOT_YET_VALID),
    Vector("iat beyond the leeway", with_claims(iat=NOW + LEEWAY + 1), Reason.ISSUED_IN_FUTURE),
    *(
        Vector(f"sub {text}", with_raw_claim("sub", text), Reason.MALFORMED_CLAIMS)
        for text in ['""', "7", "true", "null", "[]", '["user-1"]', "{}", r'"a\u0000b"', r'"a\nb"', r'"a\u007fb"', r'"a\u2028b"', r'"\ud800"', r'"a\u202eb"']
    ),
    Vector("no sub", with_claims(sub=None), Reason.MALFORMED_CLAIMS),
    *(
        Vector(f"iss {text}", with_raw_claim("iss", text), Reason.WRONG_ISSUER)
        for text in ['""', "7", "null", "true", '["https://issuer.example/"]', "{}", '"https://issuer.example"', '"https://ISSUER.example/"', '"https://issuer.example//"', '"https://issuer.example/ "', '"http://issuer.example/"', '"https://issuer.example.evil.example/"']
    ),
    Vector("no iss", with_claims(iss=None), Reason.WRONG_ISSUER),
    *(
        Vector(f"aud {aud!r}", with_claims(aud=aud), Reason.WRONG_AUDIENCE)
        for aud in ["other", "", AUDIENCE + "/", AUDIENCE.upper(), f"{AUDIENCE} other", [], ["other"], "*"]
    ),
    Vector("no aud", with_claims(aud=None), Reason.WRONG_AUDIENCE),
    *(
        Vector(f"aud {text}", with_raw_claim("aud", text), Reason.MALFORMED_CLAIMS)
        for text in ["7", "null", "true", "{}", f'[["{AUDIENCE}"]]', f'["{AUDIENCE}", 7]', f'{{"{AUDIENCE}": 1}}']
    ),
    *(
        Vector(f"{what} {depth} deep", with_raw_claim("x", opening * (depth - 1) + "1" + closing * (depth - 1)), Reason.MALFORMED_CLAIMS)
        for what, opening, closing, depths in [
            ("lists", "[", "]", (65, 985, 986, 987, 988, 2000)),
            ("objects", '{"a":', "}", (65, 900)),
        ]
        for depth in depths
    ),
    Vector("an audience that only another provider's claims would have", with_claims(aud=None, azp="second"), Reason.WRONG_AUDIENCE),
    Vector("a first audience claim that is another's", with_claims(aud="other", azp="second"), Reason.WRONG_AUDIENCE,
           provider=provider(audience_claims=(("aud",), ("azp",)))),
    Vector("a first audience claim of a wrong type", with_raw_claim("aud", "null"), Reason.MALFORMED_CLAIMS,
           provider=provider(audience_claims=(("aud",), ("azp",)))),
    Vector("a first subject claim of a wrong type", with_claims(sub=7, client_id="x"), Reason.MALFORMED_CLAIMS,
           provider=provider(subject_claims=(("sub",), ("client_id",)))),
    Vector("none of the subject claims", with_claims(sub="", client_id=""), Reason.MALFORMED_CLAIMS,
           provider=provider(subject_claims=(("sub",), ("client_id",)))),
    Vector("an access token of Cognito with an empty audience",
           with_claims(iss=COGNITO, aud=[], client_id="second", token_use="access"), Reason.WRONG_AUDIENCE,
           provider=provider(issuer=COGNITO)),
    Vector("bound to a key", with_claims(cnf={"jkt": "x"}), Reason.BOUND_TOKEN),
    Vector("bound to a certificate", with_claims(cnf={"x5t#S256": "x"}), Reason.BOUND_TOKEN),
    Vector("cnf of another type", with_claims(cnf=""), Reason.BOUND_TOKEN),
    Vector("scope of another type", with_claims(scope=7), Reason.MALFORMED_CLAIMS),
    Vector("scp with a number in it", with_claims(scp=["a", 7]), Reason.MALFORMED_CLAIMS),
    Vector("another authorized party", with_claims(azp="other"), Reason.WRONG_PARTY,
           provider=provider(authorized_parties=frozenset({"web"}))),
    Vector("no authorized party", token, Reason.WRONG_PARTY, provider=provider(authorized_parties=frozenset({"web"}))),
    Vector("an authorized party that is a list", with_claims(azp=["web"]), Reason.WRONG_PARTY,
           provider=provider(authorized_parties=frozenset({"web"}))),
    *(
        Vector(f"a required true that is {value!r}", with_claims(ok=value), Reason.WRONG_CLAIM,
               provider=provider(required_claims=(Claim(("ok",), [True]),)))
        for value in [None, False, 1, 1.0, "true", ["true"], [[True]], {"true": True}]
    ),
    *(
        Vector(f"an access token like Cognito's of {issuer}", with_claims(iss=issuer, aud=None, client_id="second",
               token_use="access"), Reason.WRONG_AUDIENCE, provider=provider(issuer=issuer))
        for issuer in (
            "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/pool", "https://cognito-idp.eu-west-1.amazonaws.org/pool",
            "https://evil-cognito-idp.eu-west-1.amazonaws.com/pool", "https://cognito-idp.eu-west-1.amazonaws.com/pool/x",
            "https://cognito-idp.evil.example/x.amazonaws.eu/pool", "http://cognito-idp.eu-west-1.amazonaws.com/pool",
        )
    ),
    Vector("an access token of Cognito for another client",
           with_claims(iss=COGNITO, aud=None, client_id="other", token_use="access"), Reason.WRONG_AUDIENCE,
           provider=provider(issuer=COGNITO)),
    Vector("a token of Cognito without audience that is no access token",
           with_claims(iss=COGNITO, aud=None, client_id="second", token_use="id"), Reason.WRONG_AUDIENCE,
           provider=provider(issuer=COGNITO)),
    Vector("an access token of Cognito, where the provider's entry names another audience claim",
           with_claims(iss=COGNITO, aud=None, client_id="second", token_use="access"), Reason.WRONG_AUDIENCE,
           provider=provider(issuer=COGNITO, audience_claims=(("tenant",),))),
    Vector("client_id for an audience at another provider", with_claims(aud=None, client_id="second", token_use="access"),
           Reason.WRONG_AUDIENCE),
]  # fmt: skip

SIGNATURE = [
    Vector("another payload under the signature",
           changed(lambda h, _p, s: f"{h}.{base64url(json.dumps(claims(sub='admin')).encode())}.{s}"), Reason.BAD_SIGNATURE),
    Vector("another header under the signature",
           changed(lambda _h, p, s: f"{base64url(json.dumps({'alg': 'RS256', 'kid': 'k1'}).encode())}.{p}.{s}"),
           Reason.BAD_SIGNATURE),
    Vector("a signature of zeros", changed(lambda h, p, _s: f"{h}.{p}.{base64url(bytes(256))}"), Reason.BAD_SIGNATURE),
    Vector("a signature cut short", changed(lambda h, p, s: f"{h}.{p}.{s[:336]}"), Reason.BAD_SIGNATURE),
    Vector("a signature with bytes added", changed(lambda h, p, s: f"{h}.{p}.{s[:-2]}{'A' * 6}"), Reason.BAD_SIGNATURE),
    Vector("signed with another key of the same kid", lambda: token(kind="RS-other"), Reason.BAD_SIGNATURE),
    Vector("signed with another hash", lambda: token(alg="RS256", header={"alg": "RS512"}), Reason.BAD_SIGNATURE),
    Vector("PKCS1 under the name of PSS", lambda: token(alg="RS256", header={"alg": "PS256"}), Reason.BAD_SIGNATURE),
    Vector("an ECDSA signature of zeros",
           lambda: token(alg="ES256").rsplit(".", 1)[0] + "." + base64url(bytes(64)), Reason.BAD_SIGNATURE,
           lambda: key_set(jwk("ES256"))),
    Vector("an ECDSA signature in DER", lambda: token(alg="ES256").rsplit(".", 1)[0] + "." + base64url(b"0\x06\x02\x01\x01\x02\x01\x01"),
           Reason.BAD_SIGNATURE, lambda: key_set(jwk("ES256"))),
    *(
        edwards_named(f"{curve} by its name of RFC 9864, {where}", curve, alg, named, allowed)
        for curve in ("Ed25519", "Ed448")
        for where, alg, named, allowed in (
            ("in the token", curve, None, "EdDSA"), ("in the key", "EdDSA", curve, "EdDSA"),
            ("in the setting", "EdDSA", "EdDSA", curve), ("everywhere", curve, curve, curve),
        )
    ),
    *(
        edwards_named(f"Ed448 under {alg}, where only Ed25519 is allowed", "Ed448", alg, None, "Ed25519", outcome)
        for alg, outcome in (("EdDSA", Reason.UNKNOWN_SIGNING_KEY), ("Ed25519", Reason.UNKNOWN_SIGNING_KEY),
                             ("Ed448", Reason.WRONG_ALGORITHM))
    ),
    Vector("an EdDSA signature of wrong length", lambda: token(alg="Ed25519").rsplit(".", 1)[0] + "." + base64url(b"x" * 10),
           Reason.BAD_SIGNATURE, lambda: key_set(jwk("Ed25519"))),
    Vector("the public key in the token's own header",
           lambda: token(header={"jwk": jwk("RS-other", "k1")}, kind="RS-other"), Reason.BAD_SIGNATURE),
]  # fmt: skip

KEYS = [
    Vector("a key for SPIFFE's tokens, where they are asked for", token, ALLOWED, rs(use="jwt-svid"),
           provider(key_uses=frozenset({"jwt-svid"}))),
    Vector("a key without use, where SPIFFE's tokens are asked for", token, ALLOWED, rs(),
           provider(key_uses=frozenset({"jwt-svid"}))),
    Vector("only a key for signatures, where only SPIFFE's are asked for", token, UNAVAILABLE, rs(use="sig"),
           provider(key_uses=frozenset({"jwt-svid"}))),
    Vector("only a key for SPIFFE's certificates", token, UNAVAILABLE, rs(use="x509-svid"),
           provider(key_uses=frozenset({"jwt-svid"}))),
    Vector("only a key for SPIFFE's tokens, which are not asked for", token, UNAVAILABLE, rs(use="jwt-svid")),
    Vector("no kid, and two keys that fit", with_header(kid=None), ALLOWED,
           lambda: key_set(jwk("RS-other", "k2"), jwk())),
    Vector("no kid, and two keys that fit of which neither signed", lambda: token(header={"kid": None}, kind="RS-2"),
           Reason.BAD_SIGNATURE, lambda: key_set(jwk("RS-other", "k2"), jwk())),
    Vector("no kid, and five keys that fit", with_header(kid=None), Reason.AMBIGUOUS_SIGNING_KEY,
           lambda: key_set(*(jwk(f"RS-{number}", f"k{number}") for number in range(2, 6)), jwk())),
    Vector("a key set of .NET, which writes all members", token, ALLOWED,
           rs(alg="", d=None, key_ops=[], oth=[], use="", x5c=[], x5u="", KeySize=2048, HasPrivateKey=False)),
    Vector("a key with private members that are null", token, ALLOWED,
           lambda: key_set(jwk() | dict.fromkeys(("alg", "d", "p", "q", "dp", "dq", "qi", "k", "use", "crv")))),
    Vector("a key with padding and the standard alphabet", token, ALLOWED,
           lambda: key_set(jwk() | {"n": jwk()["n"].replace("-", "+").replace("_", "/") + "=="})),
    Vector("a key with padded coordinates", lambda: token(alg="ES256"), ALLOWED,
           lambda: key_set(jwk("ES256") | {name: jwk("ES256")[name] + "=" for name in ("x", "y")})),
    Vector("a key set with a byte order mark", token, ALLOWED, lambda: b"\xef\xbb\xbf" + key_set(jwk())),
    Vector("a key with an empty kid for a token without one", with_header(kid=None), ALLOWED, rs(kid="")),
    Vector("a key with an empty kid for a token with one", token, Reason.UNKNOWN_SIGNING_KEY, rs(kid="")),
    Vector("members of all kinds beside the key", token, ALLOWED,
           lambda: key_set({"kty": 7}, {"kty": "RSA", "n": {}, "e": []}, {"use": {}}, jwk() | {"kid": ["k1"]}, jwk(d=0), jwk())),
    Vector("one kid for two keys", token, ALLOWED, lambda: key_set(jwk("RS-other", "k1"), jwk())),
    Vector("a key of another type under the kid", token, Reason.UNKNOWN_SIGNING_KEY,
           lambda: key_set(jwk("ES256", "k1"), jwk("RS", "k2"))),
    Vector("a key of another curve under the kid", lambda: token(alg="ES384"), Reason.UNKNOWN_SIGNING_KEY,
           lambda: key_set(jwk("ES256", "k1"))),
    Vector("a key that names another alg", token, Reason.UNKNOWN_SIGNING_KEY, rs(alg="RS512")),
    Vector("a key without kid for a token with one", token, Reason.UNKNOWN_SIGNING_KEY, lambda: key_set(jwk(kid=None))),
    *(
        Vector(what, token, UNAVAILABLE, make)
        for what, make in [
            ("only a key with 1024 bits", lambda: key_set(jwk("RS-1024"))),
            ("only a key for encryption", rs(use="enc")),
            ("only a key with use of another type", rs(use=["sig"])),
            ("only a key for signing", rs(key_ops=["sign"])),
            ("only a key with key_ops of another type", rs(key_ops="verify")),
            ("only a key with alg none", rs(alg="none")),
            ("only a key with alg HS256", rs(alg="HS256")),
            ("only a key with a list of algs", rs(alg=["RS256"])),
            ("only a key with an alg of another type", rs(alg="ES256")),
            ("only a key with a kid of another type", rs(kid=7)),
            ("only a symmetric key", lambda: key_set({"kty": "oct", "kid": "k1", "k": base64url(b"secret" * 8)})),
            ("only a published private key", rs(d="AQAB")),
            ("only a key with a private member that is no text", rs(d=0)),
            ("only a key of unknown type", rs(kty="XYZ")),
            ("only a key with a type of another type", rs(kty=["RSA"])),
            ("only a key without modulus", rs(n=None)),
            ("only a key with a modulus that is no number", rs(n="!!")),
            ("only a key with a modulus of another type", rs(n=7)),
            ("only a key with exponent 1", rs(e="AQ")),
            ("only a key with an even exponent", rs(e="Ag")),
            ("only a point that is not on its curve", lambda: key_set(jwk("ES256", x=base64url(bytes(32))))),
            ("only a point with too short a coordinate", lambda: key_set(jwk("ES256", x="AA"))),
            ("only an unknown curve", lambda: key_set(jwk("ES256", crv="P-257"))),
            ("only a key agreement key", lambda: key_set({"kty": "OKP", "crv": "X25519", "kid": "k1", "x": base64url(bytes(32))})),
            ("no keys", key_set),
            ("members that are no objects", lambda: key_set(7, None, [], "x")),
            ("keys that are no list", lambda: b'{"keys": {}}'),
            ("no keys member", lambda: b"{}"),
            ("a list for a key set", lambda: b"[]"),
            ("HTML for a key set", lambda: b"<!doctype html>"),
            ("nothing for a key set", lambda: b""),
            ("a key set that is not UTF-8", lambda: b'{"keys": "\xff"}'),
            ("a key set nested deeply", lambda: b'{"keys": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ]
    ),
]  # fmt: skip

VECTORS = GOOD + SHAPE + HEADER + CLAIMS + SIGNATURE + KEYS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.what.encode("unicode_escape").decode())
def test_a_token_comes_to_its_outcome(vector: Vector) -> None:
    outcome, _fetched = decide(vector.make(), vector.keys(), vector.provider)
    assert (ALLOWED if isinstance(outcome, Identity) else outcome) == vector.outcome


def test_there_are_at_least_150_vectors_and_each_is_another() -> None:
    assert len({vector.what for vector in VECTORS}) == len(VECTORS) >= 150


@pytest.mark.parametrize("vector", SHAPE + CLAIMS, ids=lambda vector: vector.what.encode("unicode_escape").decode())
def test_what_the_token_alone_decides_costs_no_fetch(vector: Vector) -> None:
    assert decide(vector.make(), b"", vector.provider)[1] == []


def test_nothing_that_a_token_names_is_ever_fetched() -> None:
    hostile = token(
        header={"jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert", "kid": "https://evil.example"}
    )
    assert decide(hostile, key_set(jwk()))[1] == ["https://issuer.example/jwks.json"]


def test_scopes_within_an_object_are_read() -> None:
    made = token(claims(realm_access={"roles": ["a", "b"]}))
    identity, _ = decide(made, key_set(jwk()), provider(scope_claims=(("realm_access", "roles"),)))
    assert isinstance(identity, Identity)
    assert identity.scopes == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "names", "scopes"),
    [
        ({"scope": "a b"}, ("scope", "scp"), {"a", "b"}),
        ({"scope": " a  b "}, ("scope", "scp"), {"a", "b"}),
        ({"scope": "a read\u00a0admin"}, ("scope",), {"a"}),
        ({"scope": "a\tadmin b\nadmin \u2003admin c"}, ("scope",), {"c"}),
        ({"scp": ["a", "b c", "d\u00a0e", "é", ""]}, ("scope", "scp"), {"a"}),
        ({"roles": {"admin": {"314": "acme.example"}, "user": {}, "two words": {}}}, ("roles",), {"admin", "user"}),
        ({"roles": {}}, ("roles",), set()),
        ({"scp": "a b"}, ("scope", "scp"), {"a", "b"}),
        ({"scope": "a", "scp": ["b"]}, ("scope", "scp"), {"a", "b"}),
        ({"scope": "a", "permissions": ["b"]}, ("permissions",), {"b"}),
        ({}, ("scope", "scp"), set()),
    ],
)
def test_scopes_come_from_the_configured_claims(
    changes: dict[str, Any], names: tuple[str, ...], scopes: set[str]
) -> None:
    identity, _fetched = decide(
        token(claims(**changes)), key_set(jwk()), provider(scope_claims=tuple((name,) for name in names))
    )
    assert isinstance(identity, Identity)
    assert identity.scopes == scopes


def test_all_claims_are_passed_on_or_those_that_the_provider_names() -> None:
    everything, _ = decide(token(claims(email="e")), key_set(jwk()))
    some, _ = decide(token(claims(email="e")), key_set(jwk()), provider(data_claims=(("email",), ("missing",))))
    assert isinstance(everything, Identity)
    assert isinstance(some, Identity)
    assert everything.data == claims(email="e")
    assert some.data == {"email": "e"}
    assert some.sub == "user-1"


def test_claims_passed_on_keep_their_nesting() -> None:
    made = claims(realm_access={"roles": ["a"], "x": 1}, groups=["g"])
    identity, _ = decide(token(made), key_set(jwk()), provider(data_claims=(("realm_access", "roles"), ("sub",))))
    assert isinstance(identity, Identity)
    assert identity.data == {"realm_access": {"roles": ["a"]}, "sub": "user-1"}


def test_a_token_that_is_too_large_to_be_passed_on_fits_by_its_data_claims() -> None:
    large = token(claims(groups=[f"{number:036}" for number in range(170)], roles=["reader"]))
    assert 8192 < len(large) <= 10_233
    whole, _ = decide(large, key_set(jwk()), provider(max_token_bytes=10_240))
    some, _ = decide(large, key_set(jwk()), provider(max_token_bytes=10_240, data_claims=(("roles",),)))
    assert isinstance(whole, Identity)
    assert isinstance(some, Identity)
    assert some.context()["data"] == '{"roles":["reader"]}'


def test_the_length_that_one_provider_takes_is_not_anothers() -> None:
    large = token(claims(padding="x" * 6000))
    other = provider(issuer="https://other.example", max_token_bytes=10_240)

    class NoKeys:
        def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes) -> None:
            raise AssertionError

        def published_kid(self, _kid: object) -> None:
            return

    both = JwtAuthenticator([(PROVIDER, NoKeys()), (other, NoKeys())], leeway_seconds=LEEWAY, clock=lambda: NOW)
    with pytest.raises(Refusal, match=Reason.TOKEN_TOO_LONG):
        both.authenticate(large)


@pytest.mark.parametrize(
    ("text", "issuer", "kid"),
    [
        (token(kind="RS-other"), ISSUER, "k1"),
        (token(claims(exp=NOW - 60)), ISSUER, "k1"),
        (token(claims(aud="https://other.example")), ISSUER, "k1"),
        (token(header={"typ": 7}), ISSUER, "k1"),
        (token(header={"kid": "a secret"}), ISSUER, None),
        (token(header={"kid": "K1"}), ISSUER, None),
        (token(header={"kid": None}, kind="RS-other"), ISSUER, None),
        (token(header={"kid": ["k1"]}), ISSUER, None),
        (token(header={"kid": "x" * 100}, kind="RS-other"), ISSUER, "x" * 64),
        (token(claims(iss="https://other.example")), None, None),
        (token(b"{}"), None, None),
        ("a.b.c", None, None),
    ],
)
def test_a_refusal_names_the_issuer_that_is_configured_and_the_kid_that_it_publishes(
    text: str, issuer: str | None, kid: str | None
) -> None:
    keys = SigningKeys(
        PROVIDER._replace(jwks_url="https://issuer.example/jwks.json"),
        fetch=lambda _url, _seconds: key_set(jwk(), jwk("RS-2", "x" * 100)),
        clock=lambda: NOW,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )
    authenticator = JwtAuthenticator([(PROVIDER, keys)], leeway_seconds=LEEWAY, clock=lambda: NOW)
    with pytest.raises(Refusal) as caught:  # Before any fetch.
        authenticator.authenticate(token(claims(exp=NOW - 60)))
    assert (caught.value.issuer, caught.value.kid) == (ISSUER, None)
    assert authenticator.authenticate(token()) is not None
    with pytest.raises(Refusal) as caught:
        authenticator.authenticate(text)
    assert (caught.value.issuer, caught.value.kid) == (issuer, kid)


def test_a_token_is_checked_with_the_keys_of_its_own_issuer_alone() -> None:
    other = "https://other.example"

    def source(issuer: str, keys: bytes | Exception) -> SigningKeys:
        def fetch(_url: str, _seconds: float) -> bytes:
            if isinstance(keys, Exception):
                raise keys
            return keys

        return SigningKeys(
            provider(issuer=issuer, jwks_url="https://x.example"),
            fetch=fetch,
            clock=lambda: NOW,
            report=lambda _e, _d: None,
            times=KeyTimes(),
        )

    both = JwtAuthenticator(
        [
            (PROVIDER, source(ISSUER, key_set(jwk()))),
            (provider(issuer=other), source(other, key_set(jwk("RS-other", "k1")))),
            (provider(issuer="https://down.example"), source("https://down.example", OSError())),
        ],
        leeway_seconds=LEEWAY,
        clock=lambda: NOW,
    )
    assert both.authenticate(token(claims(iss=other), kind="RS-other"))
    assert both.authenticate(token())
    with pytest.raises(Refusal, match=Reason.BAD_SIGNATURE):
        both.authenticate(token(claims(iss=other)))
    with pytest.raises(KeysUnavailable):
        both.authenticate(token(claims(iss="https://down.example")))


@pytest.mark.parametrize("text", ["", "hello", "mak_x", "abc-def_ghi", "x" * 10_000])
def test_a_token_without_a_full_stop_is_not_a_jwt(text: str) -> None:
    assert decide(text, b"") == (None, [])
