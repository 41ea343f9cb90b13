"""Thrift's compact protocol, as far as Parquet's own records need it.

A struct is a dictionary from field number to `Field`. The format is that of
<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.
"""

from __future__ import annotations

from typing import Any, NamedTuple

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_NUMBERS = (I16, I32, I64)
_LONG = 15  # a list's length that has its own number
_BITS = 64  # of the longest number


class Field(NamedTuple):
    """A value with its type; a list's value is (type of the entries, entries)."""

    kind: int
    value: Any


Struct = dict[int, Field]


class Reader:
    """Reads from bytes, `at` one place after the other; raises ValueError where they end.

    Parameters
    ----------
    data
        The bytes.
    at
        Where to begin.
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def struct(self) -> Struct:
        """Read a struct."""
        fields: Struct = {}
        number = 0
        while head := self._byte():
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._number()
            fields[number] = Field(kind, self._value(kind))
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self._byte()
        if kind in _NUMBERS:
            return self._number()
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind in (LIST, SET):
            return self._list()
        if kind == STRUCT:
            return self.struct()
        raise ValueError(f"no Thrift type {kind}")

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        kind = head & 15
        length = head >> 4 if head >> 4 < _LONG else self._varint()
        if length > len(self.data) - self.at:
            raise ValueError("a list that is longer than what is left")
        # In a list a truth value is a byte of its own.
        return kind, [self._byte() if kind <= FALSE else self._value(kind) for _ in range(length)]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, length: int) -> bytes:
        found = self.data[self.at : self.at + length]
        if len(found) < length:
            raise ValueError("cut off")
        self.at += length
        return found

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > _BITS:
                raise ValueError("a number that is too long")
        return value | byte << shift

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)


def written(struct: Struct) -> bytes:
    """Return a struct as bytes."""
    out = bytearray()
    before = 0
    for number, (kind, value) in sorted(struct.items()):
        near = 0 < number - before < 16
        out.append((number - before) << 4 | kind if near else kind)
        if not near:
            out += _varint(number << 1)
        out += b"" if kind in (TRUE, FALSE) else _value(kind, value)
        before = number
    return bytes(out + b"\0")


def _value(kind: int, value: Any) -> bytes:
    if kind in _NUMBERS:
        return _varint(value << 1 ^ value >> 63)
    if kind == BINARY:
        return _varint(len(value)) + bytes(value)
    if kind in (LIST, SET):
        return _list(*value)
    if kind == STRUCT:
        return written(value)
    return bytes([value]) if kind <= BYTE else bytes(value)


def _list(kind: int, entries: list[Any]) -> bytes:
    length = len(entries)
    head = bytes([length << 4 | kind] if length < _LONG else [_LONG << 4 | kind])
    body = b"".join(bytes([e]) if kind <= FALSE else _value(kind, e) for e in entries)
    return head + (_varint(length) if length >= _LONG else b"") + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))
