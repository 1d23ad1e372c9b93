"""The entry point of the function. It reads the environment and the file of rules when it is imported."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

import authorizer
from authorizer import auth_file
from authorizer.entry import SettingsError
from keys.core.history import Author
from keys.core.store import Store
from keys.core.table import Table
from self_service.app import App
from self_service.caller import user_of
from self_service.page import SignIn, page
from self_service.service import Service
from self_service.use import Uses

_logger = Logger(service="self-service", location=None)


def _app() -> App:
    name = os.environ["AUTH_CONFIG"]
    file = auth_file.load(Path(authorizer.__file__).parent / name)
    if (settings := file.self_service) is None:
        raise SettingsError([f"{name} has no [self_service]. Add it, and deploy again: docs/self-service.md"])
    config = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
    client = boto3.client("dynamodb", config=config)
    table = Table(client, os.environ["API_KEYS_TABLE"])
    usage_table = os.environ["USAGE_TABLE"]
    store = Store(table, Author("self-service", "self-service"))
    sign_in = [
        SignIn(
            each.sign_in.name, each.issuer, each.sign_in.authorize_url, each.sign_in.token_url,
            each.sign_in.client_id, each.sign_in.scope, each.sign_in.audience,
        )
        for each in settings.users.values()
        if each.sign_in
    ]  # fmt: skip
    return App(
        Service(
            store,
            settings,
            os.environ["API_KEY_PREFIX"],
            time.time,
            os.environ["EXAMPLE_URL"],
            Uses(client, usage_table).of if usage_table else None,
        ),
        partial(user_of, settings=settings, leeway=float(file.settings.get("jwt_leeway_seconds", 30))),
        page(settings.company, sign_in),
        origin=os.environ["CORS_ALLOW_ORIGIN"],
        report=lambda error: _logger.error("failed", extra={"error": type(error).__name__}),
    )


_application = _app()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a request of the REST API of stacks/self-service."""
    return _application.answer(event, context)
