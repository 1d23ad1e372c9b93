"""Wording that several messages share."""


def plural(count: int, noun: str) -> str:
    """The number and the noun, such as `1 key` and `1,000 keys`. `noun` is a regular one in the singular."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
