"""Parses template parameters with the SAM CLI's own code. Run it with the interpreter of the SAM CLI.

``sam_parameters.py --config-file SAMCONFIG --config-env NAME``, or ``--parameter-overrides WORD ...``, as `sam deploy`
takes them. The result is printed as JSON.
"""

import json

import click
from samcli.cli.cli_config_file import ConfigProvider, configuration_option
from samcli.commands._utils.options import parameter_override_click_option


@click.command(name="deploy")
@configuration_option(provider=ConfigProvider(section="parameters", cmd_names=["deploy"]))  # type: ignore[untyped-decorator]
@parameter_override_click_option()  # type: ignore[untyped-decorator]
def deploy(parameter_overrides: dict[str, str], **_others: object) -> None:
    print(json.dumps(parameter_overrides))


if __name__ == "__main__":
    deploy()
