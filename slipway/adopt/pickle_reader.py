"""Read a pickle as a tree of names and values: nothing that it names is imported or called.

`pickletools` yields the opcodes one by one. They are followed with a stack and a memo, as Python would, but a class or a function stays a
`Name`, and a call of it becomes a `Record`. The work grows with the size of the file, and both are limited.
"""

import pickletools
from collections.abc import Callable
from typing import IO, Any, BinaryIO, cast

from slipway.adopt.pickle_tree import Name, NotRead, Opaque, Record, Tree, extend, keep_short, make_key, record_call, set_items

# A forest of thousand trees has some hundred thousand opcodes; a text with a million words five million.
MOST_OPCODES = 10_000_000
# A single value of more bytes is not read.
MOST_VALUE = 1 << 29
LONGEST_NAME = 300
WRAPPERS = ("joblib.numpy_pickle.NumpyArrayWrapper", "sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper")


class Source:
    """A file that can be read and skipped within limits."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        here = file.tell()
        self.size = file.seek(0, 2)
        file.seek(here)

    def read(self, count: int) -> bytes:
        """Return so many bytes, fewer at the end of the file."""
        if count > MOST_VALUE:
            raise NotRead(f"a value claims {count:,} bytes, and at most {MOST_VALUE:,} are read")
        return self.file.read(count)

    def readline(self) -> bytes:
        """Return a line."""
        return self.file.readline(MOST_VALUE)

    def tell(self) -> int:
        """Return the position."""
        return self.file.tell()

    def skip(self, count: int) -> None:
        """Go on after so many bytes. Raises NotRead where there are fewer."""
        if not 0 <= count <= self.size - self.tell():
            raise NotRead(f"an array claims {count:,} bytes, and {self.size - self.tell():,} are left")
        self.file.seek(count, 1)


ReadArray = Callable[[Record, Source], None]


def read_tree(source: Source, read_array: ReadArray | None = None) -> Tree:
    """Read one pickle. `read_array` reads what joblib wrote behind an array. Raises NotRead."""
    reader = _Reader(source, read_array)
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(cast(BinaryIO, source))):
            if number >= MOST_OPCODES:
                raise NotRead(f"it has more than {MOST_OPCODES:,} opcodes")
            if opcode.name == "STOP":
                return Tree(reader.stack[-1], reader.names, reader.protocol, reader.joblib)
            reader.follow(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise NotRead("its opcodes do not fit together") from error
    except (ValueError, OverflowError) as error:
        raise NotRead(" ".join(str(error).split())[:100] or type(error).__name__) from error
    raise NotRead("it has no end")


def read_nested(record: Record, source: Source) -> None:
    """Read the pickle that follows, which is an array of objects, into a record."""
    record.items.append(read_tree(source).root)


VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
UNKNOWN = {"PERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"}
NOTHING = {"PROTO", "FRAME", "READONLY_BUFFER"}


class _Reader:
    def __init__(self, source: Source, read_array: ReadArray | None) -> None:
        self.source, self.read_array = source, read_array
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.names: set[Name] = set()
        self.protocol, self.joblib = 0, False

    def follow(self, code: str, argument: Any) -> None:
        """Do what an opcode says, with names in the place of what they stand for."""
        if code in VALUES:
            self.stack.append(keep_short(argument))
        elif code in MADE:
            self.stack.append(MADE[code]())
        elif code in UNKNOWN:
            self.stack.append(Opaque())
        elif code in NOTHING:
            self.protocol = argument if code == "PROTO" else self.protocol
        else:
            getattr(self, f"_do_{code.lower()}")(argument)

    def _pop_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.marked.pop()
        return found

    def _name(self, module: Any, name: Any) -> Name:
        if not all(isinstance(each, str) and each.isprintable() and len(each) <= LONGEST_NAME for each in (module, name)):
            raise NotRead("a class has no name")
        found = Name(module, name)
        self.names.add(found)
        return found

    def _do_mark(self, _: Any) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _do_pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_mark()

    def _do_pop_mark(self, _: Any) -> None:
        self._pop_mark()

    def _do_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _do_put(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def _do_get(self, number: int) -> None:
        self.stack.append(self.memo[number])

    _do_binput = _do_long_binput = _do_put
    _do_binget = _do_long_binget = _do_get

    def _do_binpersid(self, _: Any) -> None:
        self.stack[-1] = Opaque()

    def _do_tuple(self, _: Any) -> None:
        items = tuple(self._pop_mark())
        self.stack.append(items)

    def _do_tuple1(self, _: Any) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _do_tuple2(self, _: Any) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _do_tuple3(self, _: Any) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _do_list(self, _: Any) -> None:
        items = self._pop_mark()
        self.stack.append(items)

    def _do_dict(self, _: Any) -> None:
        items = self._pop_mark()
        self.stack.append({make_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)})

    def _do_frozenset(self, _: Any) -> None:
        items = self._pop_mark()
        self.stack.append(frozenset(map(make_key, items)))

    def _do_append(self, _: Any) -> None:
        value = self.stack.pop()
        extend(self.stack[-1], [value])

    def _do_appends(self, _: Any) -> None:
        values = self._pop_mark()
        extend(self.stack[-1], values)

    _do_additems = _do_appends

    def _do_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        set_items(self.stack[-1], [key, value])

    def _do_setitems(self, _: Any) -> None:
        values = self._pop_mark()
        set_items(self.stack[-1], values)

    def _do_global(self, argument: str) -> None:
        self.stack.append(self._name(*argument.split(" ", 1)))

    def _do_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(self._name(module, name))

    def _do_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(record_call(function, arguments if isinstance(arguments, tuple) else ()))

    def _do_newobj(self, _: Any) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self.stack.append(Record(kind, arguments if isinstance(arguments, tuple) else ()))

    def _do_newobj_ex(self, _: Any) -> None:
        keywords, arguments, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(Record(kind, arguments if isinstance(arguments, tuple) else (), keywords))

    def _do_inst(self, argument: str) -> None:
        items = self._pop_mark()
        self.stack.append(Record(self._name(*argument.split(" ", 1)), tuple(items)))

    def _do_obj(self, _: Any) -> None:
        kind, *items = self._pop_mark()
        self.stack.append(Record(kind, tuple(items)))

    def _do_build(self, _: Any) -> None:
        state = self.stack.pop()
        record = self.stack[-1]
        if isinstance(record, Record):
            record.states.append(state)
            if record.path in WRAPPERS and self.read_array:
                self.joblib = True
                self.read_array(record, self.source)
