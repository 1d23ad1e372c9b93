"""IAM patterns with the wildcard `*`: what they match, and how they relate to each other.

A set of patterns is an integer with one bit for each pattern, so that sets of thousands are combined quickly.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches the text, or everything that the text matches if it is a pattern as well."""
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    # The first occurrence after the previous piece is always sufficient.
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def members(bits: int) -> Iterator[int]:
    """The positions of the set bits."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def tidied(pattern: str) -> str:
    """A pattern that also matches the paths without empty segments and single dots (RFC 3986, section 5.2.4).

    `/orders/*` becomes `/orders*`, because it matches `/orders/`, which many servers treat as `/orders`. The result can
    match more than that.
    """
    return re.sub(r"[/.]*\*[/.]*", "*", pattern)


class Relations:
    """The relations between distinct patterns, by their numbers.

    `covers[n]`: the other patterns that match everything that `n` matches. `overlaps[n]`: the patterns, including `n`,
    that match something that `n` matches. `reach[n]`: `n`, and the patterns with a wildcard that match something that
    `n` matches, or another spelling of it.

    Example: the patterns 0 to 3 are the bits 0b0001 to 0b1000.

    >>> relations = Relations(["a/*", "a/b", "*/c", "a"])
    >>> [f"{others:04b}" for others in relations.covers]  # a/* covers a/b
    ['0000', '0001', '0000', '0000']
    >>> [f"{others:04b}" for others in relations.overlaps]  # a/* and */c both match a/c
    ['0111', '0011', '0101', '1000']
    >>> [f"{others:04b}" for others in relations.reach]  # a/* matches a/, which a server can treat as a
    ['0101', '0011', '0101', '1001']
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        count = len(patterns)
        every = (1 << count) - 1
        ends = [_ends(pattern) for pattern in (*patterns, *map(tidied, patterns))]
        kin = [
            first & last
            for first, last in zip(
                _kin([first for first, _ in ends]), _kin([last[::-1] for _, last in ends]), strict=True
            )
        ]
        wild = sum(1 << number for number, pattern in enumerate(patterns) if "*" in pattern)
        with_segment: dict[str, int] = {}
        for number, pattern in enumerate(patterns):
            for segment in _whole_segments(pattern):
                with_segment[segment] = with_segment.get(segment, 0) | 1 << number
        self.covers: Final = [0] * count
        self.overlaps: Final = [1 << number for number in range(count)]
        self.reach: Final = [1 << number for number in range(count)]
        for number in members(wild):
            bit, widened = 1 << number, tidied(patterns[number])
            self.overlaps[number] |= kin[number] & wild
            self.reach[number] |= self.overlaps[number] | kin[number] >> count & wild
            # Only a path with all whole segments of this pattern can match it, also after it is tidied.
            sharing = every
            for segment in _whole_segments(patterns[number]):
                sharing &= with_segment[segment]
            for other in members(kin[number] & sharing & ~bit):
                if matches(patterns[number], patterns[other]):
                    self.covers[other] |= bit
                    self.overlaps[other] |= bit
                    self.overlaps[number] |= 1 << other
            for other in members(kin[count + number] & sharing & ~wild):
                if matches(widened, patterns[other]):
                    self.reach[other] |= bit


def _ends(pattern: str) -> tuple[str, str]:
    """The text before the first wildcard and after the last one. Without a wildcard, both are the whole pattern."""
    return pattern.partition("*")[0], pattern.rpartition("*")[2]


def _whole_segments(pattern: str) -> list[str]:
    return [segment for segment in pattern.split("/") if "*" not in segment]


def _kin(texts: Sequence[str]) -> list[int]:
    """For each text: the set of texts that it begins with or that begin with it."""
    same: dict[str, int] = {}
    for number, text in enumerate(texts):
        same[text] = same.get(text, 0) | 1 << number
    kin: dict[str, int] = {}
    beginnings: list[str] = []
    # In this order, a text comes after all of its beginnings, so a stack holds them.
    for text in sorted(same):
        while beginnings and not text.startswith(beginnings[-1]):
            beginnings.pop()
        kin[text] = same[text]
        for beginning in beginnings:
            kin[text] |= same[beginning]
            kin[beginning] |= same[text]
        beginnings.append(text)
    return [kin[text] for text in texts]
