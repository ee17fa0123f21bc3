"""The tree of nodes that a file of skops is, taken apart without making anything of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

Node = dict[str, Any]


class Part(NamedTuple):
    """What a file names, and by which kind of node."""

    loader: str
    module: str
    name: str

    @property
    def path(self) -> str:
        """The full name."""
        return f"{self.module}.{self.name}"


def is_node(value: Any) -> bool:
    """Tell a node from data: a step, a word or a key of the owner's may have the name of any field of a node, but leads to a node."""
    return isinstance(value, dict) and isinstance(value.get("__loader__"), str)


def nodes(value: Any) -> Iterator[Node]:
    """Yield each node within a value, in the order in which the file has them."""
    left = [value]
    while left:
        each = left.pop()
        if is_node(each):
            yield each
        if isinstance(each, dict | list):
            left.extend(reversed(each.values() if isinstance(each, dict) else each))


@dataclass(frozen=True)
class Keys:
    """Where the types of keys stand: skops calls each with its key.

    What has been loaded once is taken again wherever its number stands, so these numbers may stand for nothing else.
    """

    lists: set[int]
    types: set[int]
    numbers: set[Any]
    repeated: set[Any]

    @classmethod
    def within(cls, everything: list[Node]) -> "Keys":
        """Find them."""
        times = Counter(node.get("__id__") for node in everything)
        lists = [node["key_types"] for node in everything if "key_types" in node]
        types = [each for key_types in lists for each in nodes(key_types) if each is not key_types]
        numbers = {each["__id__"] for each in types if "__id__" in each}
        return cls({*map(id, lists)}, {*map(id, types)}, numbers, {number for number, count in times.items() if count > 1} - {None})

    def allow(self, node: Node) -> bool:
        """Tell whether this is no list of key types, or one with a number of its own."""
        return id(node) not in self.lists or (node.get("__id__") not in self.repeated and node["__loader__"] == "ListNode")

    def hold(self, node: Node) -> bool:
        """Tell whether this is the type of a key, or has the number of one."""
        return id(node) in self.types or ("__id__" in node and node["__id__"] in self.numbers)
