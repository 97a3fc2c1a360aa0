"""Subjects: the telephone numbers that the journal refers to and does not hold.

Wherever a number of 7 to 15 digits stands in a record (a text by itself, in a SIP URI, after `+`), the
journal has `subject:` and an id in its place, and `STATE_DIR/subjects.jsonl` says which number that is: one
line a number, written before the record. Readers put the number back. To erase a subject is to take its
number out of this file: the journal, its chain and all counts stay as they are, and the records say `erased:`
and the id from then on. Numbers of fewer digits are extensions of the house.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from softswitch.store.segments import sync_directory

_FEWEST, _MOST = 7, 15
# Numbers of JSON itself end with a comma or a bracket.
_BEFORE, _AFTER = frozenset(b'":/<='), frozenset(b'"@ <>;&?/#')
_PLUS, _SPACE = b"+ "
_DIGIT, _END = b"0!"
_KINDS = bytes(_DIGIT if 48 <= byte < 58 else _END if byte in _AFTER else 32 for byte in range(256))
_ENDING = b"0" * _FEWEST + b"!"
_REFERENCE = re.compile(rb"subject:([0-9a-f]{12})")
_MARK = b"subject:"
_ID_BYTES = 6


def subjects_path(state_dir: Path) -> Path:
    return state_dir / "subjects.jsonl"


def normalised(number: str) -> str:
    """Digits without what stands for "international": two texts of one number are equal then."""
    digits = "".join(char for char in number if char.isdigit())
    return digits.removeprefix("00")


class SubjectBook:
    """The reading side: follows the file as it grows, and starts anew when it was replaced."""

    def __init__(self, state_dir: Path) -> None:
        self._path = subjects_path(state_dir)
        self._numbers: dict[bytes, bytes] = {}
        self._inode = self._read = 0
        self.on_known: Callable[[str, str], None] | None = None
        """Told each subject and its number ('' once it is erased) as they are read."""

    def open(self, text: bytes) -> bytes:
        """The text with numbers for references."""
        return _REFERENCE.sub(self._number, text) if _MARK in text else text

    def refresh(self) -> None:
        """Take up what is new, if anything."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        if status.st_ino != self._inode:
            self._numbers.clear()
            self._inode, self._read = status.st_ino, 0
        if status.st_size > self._read:
            with self._path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
            whole = content.rfind(b"\n") + 1
            self._take(content[:whole].splitlines())
            self._read += whole

    def texts_of(self, number: str) -> dict[str, str]:
        """Every subject, by id, whose text stands for this number."""
        self.refresh()
        wanted = normalised(number)
        found = ((id.decode(), text.decode()) for id, text in self._numbers.items())
        return {id: text for id, text in found if wanted and normalised(text) == wanted}

    def protect_known(self, text: bytes) -> bytes:
        """The text with references for numbers that have one."""
        self.refresh()
        ids = {number: id for id, number in self._numbers.items() if number}
        return _replaced(text, lambda number: _MARK + ids[number] if number in ids else number)

    def _take(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # torn by a power cut
            number = told.get("number", "")
            self._numbers[told["subject"].encode()] = number.encode()
            if self.on_known is not None:
                self.on_known(told["subject"], number)

    def _number(self, found: re.Match[bytes]) -> bytes:
        known = self._numbers.get(found[1])
        if known is None:
            self.refresh()
            known = self._numbers.get(found[1])
        return known or b"erased:" + found[1]


class Subjects(SubjectBook):
    """The writing side, of the journal's one writer. Also opens, for what is pending."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self._ids: dict[bytes, bytes] = {}
        self._new: dict[bytes, bytes] = {}
        self._unsynced = False
        self.on_known = self._known
        self.refresh()

    def _known(self, subject: str, number: str) -> None:
        if number:
            self._ids[number.encode()] = subject.encode()

    def protect(self, text: bytes) -> bytes:
        """The text with references for numbers, which are in the file by then.

        While the disk is full, numbers that are new stay as they are: better known than lost.
        """
        protected = _replaced(text, self._reference)
        if not self._new:
            return protected
        new, self._new = self._new, {}
        try:
            self._write(new)
        except OSError:
            for id, number in new.items():
                del self._ids[number], self._numbers[id]
            return self.protect_known(text)
        return protected

    def _write(self, new: dict[bytes, bytes]) -> None:
        """All of it or nothing."""
        lines = b"".join(_line(id, number) for id, number in new.items())
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                lines = b"\n" + lines  # what a power cut has torn
            if os.write(descriptor, lines) != len(lines):
                os.ftruncate(descriptor, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._inode, self._read = os.fstat(descriptor).st_ino, end + len(lines)
            self._unsynced = True
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make what was written durable: before the records that refer to it. OSError where that fails."""
        if not self._unsynced:
            return
        self._unsynced = False
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError:
            self._unsynced = True
            raise
        finally:
            os.close(descriptor)

    def erase(self, number: str) -> list[str]:
        """Take a number out of the file for good; the ids that stood for it. OSError: nothing is changed."""
        gone = self.texts_of(number)
        if not gone:
            return []
        lines = [_line(id, b"" if id.decode() in gone else text) for id, text in self._numbers.items()]
        fresh = self._path.with_suffix(".unfinished")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_directory(self._path.parent)
        for text in gone.values():
            self._ids.pop(text.encode(), None)
        self.refresh()
        return sorted(gone)

    def _reference(self, number: bytes) -> bytes:
        id = self._ids.get(number)
        if id is None:
            id = self._ids[number] = secrets.token_hex(_ID_BYTES).encode()
            self._numbers[id] = self._new[id] = number
        return _MARK + id


def _replaced(text: bytes, replacement: Callable[[bytes], bytes]) -> bytes:
    """The text with something else for each number. Most have none, which whole-text operations tell."""
    kinds = text.translate(_KINDS)
    found = kinds.find(_ENDING)
    if found < 0:
        return text
    parts, done = [], 0
    while found >= 0:
        end = found + _FEWEST
        begin = found
        while kinds[begin - 1] == _DIGIT:
            begin -= 1
        if end - begin <= _MOST and (at := _begin(text, begin)) is not None:
            parts += [text[done:at], replacement(text[at:end])]
            done = end
        found = kinds.find(_ENDING, end)
    return b"".join([*parts, text[done:]])


def _begin(text: bytes, begin: int) -> int | None:
    """Where the number begins that has these digits, the plus before them included; None: it is none."""
    at = begin - 1 if text[begin - 1] == _PLUS else begin
    before = text[at - 1]
    if before in _BEFORE or (before == _SPACE and at < begin) or text[at - 3 : at] == b"%2B":
        return at
    return None


def _line(id: bytes, number: bytes) -> bytes:
    told = {"subject": id.decode(), **({"number": number.decode()} if number else {})}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
