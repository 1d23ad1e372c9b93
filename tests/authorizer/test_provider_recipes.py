"""The recipes of examples/providers: each accepts its provider's tokens, and refuses those for other services."""

import json
import tomllib
from pathlib import Path

import pytest

from authorizer.identity import Identity
from authorizer.jwks import KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.provider import Provider
from authorizer.refusal import Reason, Refusal
from tests.support.provider_tokens import FOLDER, TOKENS, Sample, Tokens, with_other_signature
from tests.support.rules_text import providers_of
from tests.support.tokens import NOW

RECIPES = sorted(FOLDER.glob("*.toml"))
SAMPLES = [(name, sample) for name, tokens in TOKENS.items() for sample in tokens.samples]


def decide(name: str, text: str, tokens: Tokens) -> Identity | Reason:
    authenticator = JwtAuthenticator(
        [(provider, _keys(provider, tokens)) for provider in providers_of(FOLDER / f"{name}.toml")],
        leeway_seconds=30,
        clock=lambda: NOW,
    )
    try:
        identity = authenticator.authenticate(text)
    except Refusal as error:
        return error.reason
    assert identity is not None
    return identity


def _keys(provider: Provider, tokens: Tokens) -> SigningKeys:
    def fetch(url: str, _seconds: float) -> bytes:
        if url.endswith("/.well-known/openid-configuration"):
            return json.dumps({"issuer": provider.issuer, "jwks_uri": "https://issuer.example/jwks"}).encode()
        return tokens.key_set

    return SigningKeys(
        provider,
        fetch=fetch,
        clock=lambda: NOW,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )


def test_each_recipe_has_tokens_and_each_token_a_recipe() -> None:
    assert {path.stem for path in RECIPES} == TOKENS.keys()
    assert len(RECIPES) == 22


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_is_odd_and_is_a_whole_file_of_providers_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title, empty, *_rest = text.splitlines()
    assert title.startswith("# ")
    assert empty == "#"
    assert tomllib.loads(text).keys() == {"provider"}
    assert providers_of(path)


@pytest.mark.parametrize(("name", "sample"), SAMPLES, ids=lambda value: getattr(value, "what", value))
def test_a_token_of_the_provider_comes_to_its_outcome(name: str, sample: Sample) -> None:
    tokens = TOKENS[name]
    outcome = decide(name, tokens.text(sample), tokens)
    if isinstance(outcome, Reason):
        assert outcome == sample.refused
    else:
        assert sample.refused is None
        assert (outcome.sub, outcome.scopes) == (sample.sub, sample.scopes)
        assert len(outcome.context()) >= 4


@pytest.mark.parametrize("name", TOKENS)
def test_a_signature_of_anybody_else_s_is_refused(name: str) -> None:
    tokens = TOKENS[name]
    forged = with_other_signature(tokens.text(tokens.samples[0]))
    assert decide(name, forged, tokens) == Reason.BAD_SIGNATURE
