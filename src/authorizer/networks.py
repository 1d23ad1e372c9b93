"""Lists of IP networks: of API keys, consumers and access rules.

It is imported only if one of them has networks, because most deployments have none.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SOURCE: Final = "aws:SourceIp"
"""The IAM condition key of the address that API Gateway received the request from. No header changes it."""
MOST: Final = 20
"""The maximum number of networks of a key or a consumer: the policy repeats them in each Allow statement."""

_BLOCK = re.compile(r"[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


class NetworkError(Exception):
    """The text is not a network. The message says why, and has the remedy."""


class Networks:
    """A set of addresses as CIDR blocks. It is immutable, and equal to another one with the same addresses.

    `blocks`: the shortest list of blocks, in order. Each has its prefix length, because IAM assumes 32 without it.
    """

    __slots__ = ("_members", "blocks")

    def __init__(self, members: Iterable[Network] = ()) -> None:
        listed = list(members)
        self._members: Final[tuple[Network, ...]] = (
            *ipaddress.collapse_addresses(each for each in listed if isinstance(each, ipaddress.IPv4Network)),
            *ipaddress.collapse_addresses(each for each in listed if isinstance(each, ipaddress.IPv6Network)),
        )
        self.blocks: Final = tuple(map(str, self._members))

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Networks":
        """:raises NetworkError: a text is not a CIDR block or an address; see `_parse`."""
        return cls(map(_parse, texts))

    def __contains__(self, address: str) -> bool:
        """Whether the address is in one of the networks.

        As in IAM, an IPv4-mapped IPv6 address is an IPv6 address: it is in no IPv4 network.
        """
        return is_address(address) and any(ipaddress.ip_address(address) in network for network in self._members)

    def __and__(self, other: "Networks") -> "Networks":
        """The addresses that are in both."""
        return Networks(
            one if _is_within(one, another) else another
            for one in self._members
            for another in other._members
            if _is_within(one, another) or _is_within(another, one)
        )

    def __or__(self, other: "Networks") -> "Networks":
        """The addresses that are in one of them."""
        return Networks((*self._members, *other._members))

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self.blocks == other.blocks

    def __hash__(self) -> int:
        return hash(self.blocks)

    def __str__(self) -> str:
        return ", ".join(self.blocks)

    def as_iam(self, effect: str) -> dict[str, Any]:
        """The `Condition` of a statement: an Allow for these networks, or a Deny for all others.

        IAM user guide, "IP address condition operators". Without an address, an Allow with IpAddress does not apply,
        and a Deny with NotIpAddress does.
        """
        return {"IpAddress" if effect == "Allow" else "NotIpAddress": {SOURCE: list(self.blocks)}}


def is_address(text: str) -> bool:
    """Whether the text is an address. The source of a test in the console of API Gateway is not."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _parse(text: str) -> Network:
    """:raises NetworkError: it is no CIDR block, has bits after its prefix length, or is IPv4-mapped."""
    try:
        if not _BLOCK.fullmatch(text):
            raise ValueError
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NetworkError(
            f'{text!r} is not a network. Write a CIDR block, such as "203.0.113.0/24" or "2001:db8::/32".'
        ) from None
    address, _, length = text.partition("/")
    if length and network.network_address != ipaddress.ip_address(address):
        raise NetworkError(
            f'{text!r} has bits after its prefix length. For the network, write "{network}". For this address alone, '
            f'write "{ipaddress.ip_network(address)}".'
        )
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        mapped = ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        raise NetworkError(
            f"{text!r} is a network of IPv4-mapped addresses. API Gateway has the IPv4 address of a client: write "
            f'"{mapped}".'
        )
    return network


def _is_within(one: Network, other: Network) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]
