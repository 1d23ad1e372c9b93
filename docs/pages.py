"""Pages with a part that is made from the code, so that it cannot say anything else than the code does.

A page has its own text up to the line `MARK`; all that follows is made.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

MARK: Final = "<!-- From here on made by `make docs`. -->"
RECIPES: Final = Path("examples/providers")
BY_PARAMETERS: Final = {"issuer": "JwtIssuer", "audience": "JwtAudience", "jwks_url": "JwtJwksUrl"}
NARROWING: Final = frozenset({"required_claims", "scope_claims", "data_claims"})
"""Members of a provider without which it accepts the same tokens, or more of them."""


def renewed(path: Path) -> str:
    """The page as it should be."""
    head, mark, _made = path.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{path} does not have the line {MARK}")
    return f"{head}{MARK}\n\n" + "\n".join(PAGES[path]()).rstrip() + "\n"


def parameters(recipe: str) -> str | None:
    """The words for `--parameter-overrides` that stand for a recipe, or None when there are none.

    They may leave out what narrows it, and what is read out of an accepted token.
    """
    providers = tomllib.loads(recipe)["provider"]
    if len(providers) > 1 or not providers[0].keys() <= BY_PARAMETERS.keys() | NARROWING:
        return None
    given = ((BY_PARAMETERS[name], providers[0].get(name)) for name in BY_PARAMETERS)
    return " ".join(f"{name}={value}" for name, value in given if value)


def _recipes() -> Iterator[str]:
    recipes = [path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.toml"))]
    for recipe in sorted(recipes, key=str.lower):
        comments, entry = recipe.split("\n\n", 1)
        title, _, *oddities = (line.removeprefix("#").removeprefix(" ") for line in comments.splitlines())
        yield from (f"## {title}", "", "```toml", entry.rstrip(), "```", "", *oddities, "")
        if words := parameters(recipe):
            left_out = [name for name in tomllib.loads(recipe)["provider"][0] if name in NARROWING]
            without = f", without {' and '.join(f'`{name}`' for name in left_out)}" if left_out else ""
            yield from (f"As parameters{without}:", "", f"    {words}", "")


PAGES: Final[Mapping[Path, Callable[[], Iterator[str]]]] = {
    Path("docs/providers.md"): _recipes,
}
