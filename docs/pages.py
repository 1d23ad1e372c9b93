"""Generate the reference parts of pages from the template, the recipes and the code.

The text of a page up to the line `MARK` is written by hand. Everything below it is generated.
"""

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import keys.core
from authorizer import provider
from authorizer.provider import DEFAULTS, Provider
from authorizer.refusal import Reason
from authorizer.self_service import SelfService
from authorizer.settings import FILE_ONLY, PARAMETERS, TUNING, Settings
from bench import month
from keys.cli.exits import Exit
from keys.core import Store
from keys.core.consumers import Consumers
from keys.core.record import Consumer, Deleted, Key, Owner, Record, Subject
from keys.core.subjects import Subjects
from local.template_file import load
from tests.aws.checks import CHECKS

MARK: Final = "<!-- `make docs` generates everything below this line. -->"
RECIPES: Final = Path("examples/providers")
RESULTS: Final = Path("docs/acceptance.json")
"""The newest published results of the acceptance suite."""
BY_PARAMETERS: Final = {"issuer": "JwtIssuer", "audience": "JwtAudience", "jwks_url": "JwtJwksUrl"}
NARROWING: Final = frozenset({"required_claims", "scope_claims", "data_claims"})
"""Members whose absence makes a provider accept the same tokens or more."""


def renewed(path: Path) -> str:
    """Return the page with its generated part made anew.

    :raises ValueError: the page does not have the line `MARK`.
    """
    head, mark, _made = path.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{path} does not have the line {MARK}")
    return f"{head}{MARK}\n\n" + "\n".join(PAGES[path]()).rstrip() + "\n"


def parameters(recipe: str) -> dict[str, str] | None:
    """Return the template parameters that are equivalent to a recipe, or None if there are none.

    They omit the members in `NARROWING`.
    """
    providers = tomllib.loads(recipe)["provider"]
    if len(providers) > 1 or not providers[0].keys() <= BY_PARAMETERS.keys() | NARROWING:
        return None
    return {parameter: value for name, parameter in BY_PARAMETERS.items() if (value := providers[0].get(name))}


def _recipes() -> Iterator[str]:
    yield from ("## Recipes", "")
    titled = ((path.read_text(encoding="utf-8").splitlines()[0], path) for path in RECIPES.glob("*.toml"))
    yield from _table(
        ("tokens of", "file", "`issuer`", "`audience`", "as parameters"),
        (
            _recipe(title.removeprefix("# "), path)
            for title, path in sorted(titled, key=lambda recipe: recipe[0].lower())
        ),
    )


def _recipe(title: str, path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    provider, *_others = tomllib.loads(text)["provider"]
    left_out = [f"`{name}`" for name in provider if name in NARROWING]
    fits = f"yes, without {' and '.join(left_out)}" if left_out else "yes"
    yield from (title, f"[`{path.name}`](../{path})", f"`{provider['issuer']}`", f"`{provider['audience']}`")
    yield fits if parameters(text) else ""


def _configuration() -> Iterator[str]:
    template = load(Path("template.yaml"))
    yield from ("## Template parameters", "")
    yield from (f"The template has {len(template['Parameters'])} parameters. All have a default.", "")
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        yield from (f"### {group['Label']['default']}", "")
        rows = ((name, template["Parameters"][name]) for name in group["Parameters"])
        yield from _table(
            ("parameter", "default", "allowed values", "description"),
            ([f"`{name}`", _value(each["Default"]), _allowed(each), each["Description"]] for name, each in rows),
        )
    meanings = _docstrings(Settings)
    yield from ("## `[settings]` in the file", "")
    yield from _table(
        ("setting", "variable", "default", "allowed values", "description"),
        (
            [f"`{name}`", f"`{name.upper()}`" if name in TUNING else "", _default(name), kind.expected, meanings[name]]
            for name, kind in {**TUNING, **FILE_ONLY}.items()
        ),
    )
    yield from ("## `[[provider]]` in the file", "")
    of_provider = _docstrings(Provider)
    yield from _table(
        ("member", "default", "description"),
        ([f"`{name}`", _of_provider(name), of_provider[_FIELDS.get(name, name)]] for name in provider.MEMBERS),
    )
    yield from ("## `[self_service]` in the file", "", "See [self-service](self-service.md).", "")
    yield from _table(("member", "meaning"), ([f"`{name}`", text] for name, text in _docstrings(SelfService).items()))
    yield from (
        "## Variables that the template sets",
        "",
        "The file cannot set these.",
        "",
    )
    yield from _table(
        ("variable", "default", "allowed values", "description"),
        ([f"`{name.upper()}`", _default(name), kind.expected, meanings[name]] for name, kind in PARAMETERS.items()),
    )


_PRINCIPALS: Final = {
    "operator": ("Operator of keys", "Permits every command of `keys` except `doctor`, `plan` and `usage`."),
    "reader": (
        "Reader of keys",
        (
            "Permits the commands that read: `list`, `show`, `history`, `consumer list`, `consumer show`, `export`, "
            "`verify` and `explain`."
        ),
    ),
    "doctor": ("`keys doctor`, in addition", "Permits `doctor`. Attach it beside one of the two above."),
    "usage": (
        "`keys usage` and the last use, in addition",
        (
            "Permits `keys usage`, `keys list --unused-for`, and the last use in `list`, `show` and `report`: from the "
            "access log and the stack `${Stack}-usage`. Attach it beside `reader` or `operator`. For several logs, "
            "repeat the statement `QueryAccessLog`."
        ),
    ),
    "plans": (
        "Plans, in addition",
        (
            "Permits `--plan`, `--no-plan`, `keys plan`, and to delete a consumer with a plan. Attach it beside "
            "`operator`."
        ),
    ),
}
"""Who gets a policy, and what it permits."""


def _operations() -> Iterator[str]:
    yield from ("## Reasons", "", "The client always gets the same 401 body. The decision line has the `reason`:", "")
    rows = ((name, _REASON.fullmatch(text)) for name, text in _member_docstrings(Reason).items())
    yield from _table(
        ("reason", "meaning", "usual cause", "remedy"),
        (
            [f"`{Reason[name].value}`", *(_linked(part or "") for part in match.groups())]
            for name, match in rows
            if match
        ),
    )
    yield from (
        "A 401 without a decision line: the request has no `Authorization` header, or an empty one. Often a proxy",
        "removed it. API Gateway answers such a request without the authorizer.",
        "",
        "## Policies",
        "",
    )
    yield from _table(
        ("who", "policy", "it permits"),
        (
            [principal, f"[`{name}.json`](policies/{name}.json)", meaning]
            for name, (principal, meaning) in _PRINCIPALS.items()
        ),
    )


_REASON: Final = re.compile(r"(.+?)(?: Cause: (.+?))?(?: Remedy: (.+))?")


def _keys() -> Iterator[str]:
    yield from ("## Exit codes", "")
    yield from _table(("exit code", "meaning"), ([str(code.value), code.text] for code in Exit))


def _architecture() -> Iterator[str]:
    yield from ("## Modules of `authorizer`", "")
    modules = sorted(path for path in Path("src/authorizer").glob("*.py") if path.name != "__init__.py")
    parsed = ((path.name, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))) for path in modules)
    yield from _table(("module", "subject"), ([f"`{name}`", (text or "").splitlines()[0]] for name, text in parsed))


_ITEMS: Final = {
    "a key": (Record, Key),
    "a consumer, `consumer#NAME`": (Consumer,),
    "the owner of keys of signed-in users, `owner#HASH`": (Owner,),
    "a subject of JWTs, `subject#HASH`": (Subject,),
    "a deleted imported key": (Deleted,),
}
"""The kinds of items, with the classes whose fields they have. The others than keys have those of `Record` too."""


def _items() -> Iterator[str]:
    yield from ("## Attributes", "")
    for kind, classes in _ITEMS.items():
        rows = []
        for of in classes:
            meanings = _docstrings(of)
            own = [each for each in of.fields() if each.name in of.__annotations__]
            rows += [[f"`{each.attribute}`", meanings[each.name]] for each in own if each.name in meanings or of is Key]
        yield from (f"Of {kind}:", "")
        yield from _table(("attribute", "meaning"), rows)


def _program() -> Iterator[str]:
    yield from ("## Public names of `keys.core`", "")
    names = {name: getattr(keys.core, name) for name in keys.core.__all__}
    summaries = {name: " ".join((inspect.getdoc(it) or "").partition("\n\n")[0].split()) for name, it in names.items()}
    yield from _table(("name", "meaning"), ([f"`{name}`", text] for name, text in sorted(summaries.items())))
    yield from ("The methods of a store:", "")
    stores = {"Store": Store, "Store.consumers": Consumers, "Store.subjects": Subjects}
    yield from _table(
        ("", "methods"),
        ([f"`{name}`", ", ".join(f"`{method}`" for method in _methods(of))] for name, of in stores.items()),
    )


def _methods(of: type) -> Iterator[str]:
    yield from (name for name, member in vars(of).items() if inspect.isfunction(member) and not name.startswith("_"))


def _acceptance() -> Iterator[str]:
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"checks": []}
    on_aws = {each["name"]: each["result"] for each in results["checks"]}
    untried = sum(on_aws.get(check.name) not in ("passed", "failed") for check in CHECKS)
    source = "No results on AWS are in this repository."
    if on_aws:
        source = f"The results on AWS are of version {results['version']}, {results['date']}, {results['region']}."
    yield from ("## Checks", "", f"{source} Not tried on AWS: {untried} of {len(CHECKS)} checks.", "")
    yield from _table(
        ("check", "statement", "page", "on the emulator", "on AWS"),
        (
            [
                f"`{check.name}`",
                check.statement,
                f"[{check.page}](../{check.page})",
                f"not checked: {check.not_on_emulator}" if check.not_on_emulator else "checked",
                on_aws.get(check.name, "not tried"),
            ]
            for check in CHECKS
        ),
    )


_FIELDS: Final = {"audience": "audiences"}
"""Members of a `[[provider]]` table whose field of `Provider` has another name."""


def _docstrings(of: type) -> dict[str, str]:
    """Return the docstring below each field of a class, as Sphinx and IDEs read it."""
    (tree,) = ast.parse(inspect.getsource(of)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _member_docstrings(of: type[Enum]) -> dict[str, str]:
    """Return the docstring below each member of an enumeration."""
    (tree,) = ast.parse(inspect.getsource(of)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        member.targets[0].id: " ".join(below.value.value.split())
        for member, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(member, ast.Assign)
        and isinstance(member.targets[0], ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _linked(text: str) -> str:
    """Return the text with a link for each page that it names."""
    return re.sub(r"docs/([a-z-]+\.md)", r"[\1](\1)", text)


def _costs() -> Iterator[str]:
    decision = month.measured_load(month.BENCHMARKS.read_text(encoding="utf-8"))
    usage, prices = month.usage_of_ten_million(month.USAGE.read_text(encoding="utf-8")), month.More()
    yield from ("## What a month costs", "")
    yield from _table(("requests a month", *month.heads()), month.month_rows())
    yield from ("US dollars a month:", "")
    yield from _table(("", *month.heads(), "largest part"), month.cost_rows(decision, usage, prices))
    yield from ("## What to change on the way up", "", "US dollars a month that each change alone saves:", "")
    yield from _table(("change", *month.heads(), "what you give up"), month.saving_rows(decision, usage, prices))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"

    columns = list(head)
    yield line(columns)
    yield line("---" for _ in columns)
    yield from map(line, rows)
    yield ""


def _allowed(parameter: Mapping[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(map(_value, parameter["AllowedValues"]))
    if "MinValue" in parameter:
        return f"from {parameter['MinValue']:,} to {parameter['MaxValue']:,}"
    most = f"at most {parameter['MaxLength']} characters" if "MaxLength" in parameter else ""
    return str(parameter.get("ConstraintDescription", most)).rstrip(".")


def _default(setting: str) -> str:
    return _value(Settings._field_defaults.get(setting))


def _of_provider(member: str) -> str:
    if member in ("issuer", "audience"):
        return "required"
    value = getattr(DEFAULTS, _FIELDS.get(member, member))
    if member == "algorithms":
        return "all: " + ", ".join(f"`{name}`" for name in sorted(DEFAULTS.algorithms))
    if isinstance(value, tuple):
        value = [".".join(path) for path in value]
    return _value(sorted(value) if isinstance(value, frozenset) else value)


def _value(value: object) -> str:
    if value is None or value in ("", []):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


PAGES: Final[Mapping[Path, Callable[[], Iterator[str]]]] = {
    Path("docs/providers.md"): _recipes,
    Path("docs/configuration.md"): _configuration,
    Path("docs/operations.md"): _operations,
    Path("docs/keys.md"): _keys,
    Path("docs/acceptance.md"): _acceptance,
    Path("docs/architecture.md"): _architecture,
    Path("docs/table.md"): _items,
    Path("docs/keys-in-your-program.md"): _program,
    Path("docs/costs.md"): _costs,
}
