"""Directories and files: may they be written, is there room, is what the switch needs in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Node
from softswitch.config.secrets import read_secrets
from softswitch.control import MAX_PATH_BYTES
from softswitch.prompts import PromptsMissing, load_manifest, prompts_directory
from softswitch.store.lock import StoreLock, StoreLocked, views_lock, writer_lock

SCARCE_BYTES = 100 * 1024 * 1024
LITTLE_BYTES = 2 * 1024 * 1024 * 1024
FEW_INODES = 1000
_OTHERS = 0o077


def check_files(node: Node, running: bool) -> Iterator[Finding]:
    yield from _directory("state_dir", node.state_dir, private=True)
    yield from _directory("run_dir", node.run_dir, private=True)
    yield from _directory("recording.directory", node.recording.directory, private=False)
    if len(os.fsencode(node.control_path)) > MAX_PATH_BYTES:
        yield error("run_dir", f"{node.run_dir} is too long for the sockets in it", "set a shorter path")
    if not running and (node.state_dir / "journal").is_dir():
        yield _store_is_free(node.state_dir)
    yield _secrets(node.secrets_path)
    yield (codecs := _codecs())
    if codecs.level == "ok":
        yield _prompts(node.prompts_dir)


def _directory(about: str, path: Path, *, private: bool) -> Iterator[Finding]:
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        yield error(about, f"{there} is no directory", f"remove it, or change {about}")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield error(
            about, f"{there} may not be written", f"chown it to the user of the switch, or change {about}"
        )
        return
    if private and there == path and path.stat().st_mode & _OTHERS:
        yield warning(about, f"{path} may be entered by other users", f"chmod 700 {path}")
    yield _room(about, there)


def _room(about: str, path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    figures = os.statvfs(path)
    shown = f"{path}, {free // 1024**2:,} MiB free"
    if free < SCARCE_BYTES:
        return error(about, shown, "make room: without it the journal stops and no recording is written")
    if figures.f_files and figures.f_favail < FEW_INODES:
        return error(about, f"{path} has room for {figures.f_favail} more files only", "remove files")
    if free < LITTLE_BYTES:
        return warning(about, shown, "make room: an hour of one recorded call takes 115 MB")
    return ok(about, shown)


def _store_is_free(state_dir: Path) -> Finding:
    try:
        for lock in (views_lock(state_dir), writer_lock(state_dir)):
            StoreLock(lock).release()
    except StoreLocked as locked:
        return error("store", str(locked), "end that process, or give this switch a state_dir of its own")
    except OSError as problem:
        return error("store", f"{problem.filename}: {problem.strerror}", "chown it to the user of the switch")
    return ok("store", "nobody else writes it")


def _secrets(path: Path) -> Finding:
    if not path.exists():
        return ok("secrets", "none are kept yet")
    try:
        count = len(read_secrets(path))
    except (OSError, ValueError) as problem:
        return error("secrets", str(problem), "restore the file, or give the passwords again with apply")
    if path.stat().st_mode & _OTHERS:
        return error("secrets", f"other users may read {path}", f"chmod 600 {path}, and change what is in it")
    return ok("secrets", f"{count} in {path}")


def _prompts(setting: Path | None) -> Finding:
    try:
        manifest = load_manifest(prompts_directory(setting))
    except PromptsMissing as missing:
        return error(
            "prompts", str(missing), "set prompts_dir to a directory with manifest.json, or unset it"
        )
    return _decoded([prompt.path for section in manifest.values() for prompt in section.values()])


def _decoded(paths: list[str]) -> Finding:
    """Whether each can be played: a caller would hear silence in its place."""
    # Loaded here: numpy takes as long to load as all the rest.
    from softswitch.media.prompts import PromptCache, PromptError

    cache, wrong = PromptCache(max_bytes=0), []
    for path in paths:
        try:
            cache.load(path, 8000)
        except PromptError as problem:
            wrong.append(str(problem))
    if wrong:
        return error("prompts", "; ".join(wrong), "replace what cannot be played: callers hear silence there")
    return ok("prompts", f"{len(paths)} files")


def _codecs() -> Finding:
    try:
        from softswitch.media import _codecs
    except ImportError as problem:
        return error("codecs", f"the C extension cannot be used: {problem}", "install the package again")
    return ok("codecs", str(_codecs.__file__))
