"""Comparison of JSON values."""

import json


def is_same(value: object, expected: object) -> bool:
    """Equal and of the same JSON type: Python takes true for 1, in lists and objects as well."""
    return json.dumps(value, sort_keys=True) == json.dumps(expected, sort_keys=True)
