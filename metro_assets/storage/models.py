"""Fitted models by name and run date, in open formats; the champion pointer and its way back.

A version is a folder `models/<name>/run_date=YYYY-MM-DD/` of files, complete or absent. `models/champion.json` names
the version in force and those that it replaced. Every run date fits its own version of each ranker and serves the
order of the one in force; one that a person put back is pinned and scores in place of its ranker's newer fits.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock

from metro_assets.storage.errors import WarehouseError

METADATA = "metadata.json"
POINTER = "champion.json"
KEPT_CHAMPIONS = 50
_TEMPORARY = ".writing-"


@dataclass(frozen=True)
class Version:
    """A fitted model's name and the run date that it was fitted for."""

    name: str
    run_date: date


@dataclass(frozen=True)
class Champion:
    """The version in force; while pinned, a day's choice does not move it."""

    version: Version
    is_pinned: bool
    is_promoted: bool = False
    """A person let its algorithm through the gate: it stays until another is promoted or put back."""


class ModelStore:
    """Models under one folder. Writes are atomic; readers see whole versions only."""

    def __init__(self, root: Path) -> None:
        self.root = root / "models"

    def save(self, name: str, run_date: date, artefacts: Mapping[str, bytes], metadata: Mapping[str, Any]) -> Path:
        """Replace a version by files and metadata; returns its folder."""
        final = self._folder(Version(name, run_date))
        final.parent.mkdir(parents=True, exist_ok=True)
        with self._lock():
            temporary = final.with_name(f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}")
            temporary.mkdir()
            for file_name, content in artefacts.items():
                _flush(temporary / file_name, content)
            _flush(temporary / METADATA, json.dumps(metadata, indent=2, sort_keys=True, default=str).encode())
            if final.exists():
                old = final.with_name(f"{_TEMPORARY}{os.getpid()}-old-{uuid.uuid4().hex[:8]}")
                final.rename(old)
                temporary.rename(final)
                shutil.rmtree(old, ignore_errors=True)
            else:
                temporary.rename(final)
        return final

    def load(self, name: str, run_date: date) -> dict[str, bytes]:
        """The files of a version, its metadata left out."""
        folder = self._existing(Version(name, run_date))
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != METADATA}

    def exists(self, name: str, run_date: date) -> bool:
        """Whether a version was saved."""
        return self._is_whole(Version(name, run_date))

    def metadata(self, name: str, run_date: date) -> dict[str, Any]:
        """What was recorded with a version: windows, metrics, features, seed, library versions."""
        content: dict[str, Any] = json.loads((self._existing(Version(name, run_date)) / METADATA).read_text("utf-8"))
        return content

    def versions(self, name: str | None = None) -> list[Version]:
        """Versions of one model, or of all, oldest first."""
        folders = self.root.glob(f"{name or '*'}/run_date=*")
        found = [Version(path.parent.name, date.fromisoformat(path.name.removeprefix("run_date="))) for path in folders]
        return sorted(found, key=lambda version: (version.run_date, version.name))

    def newest(self, name: str, first: date, last: date) -> Version | None:
        """The newest version fitted for one of the run dates from the first to the last, both inclusive."""
        found = [found for found in self.versions(name) if first <= found.run_date <= last and self._is_whole(found)]
        return found[-1] if found else None

    def champion(self) -> Champion | None:
        """The version in force, or None before the first promotion."""
        pointer = self._pointer()
        if not pointer["history"]:
            return None
        return _champion(pointer["history"][-1], pointer)

    def champion_at(self, run_date: date) -> Champion | None:
        """The version that a run for the date serves: the newest of the pointer's history not younger than it.

        A past date that is made again keeps its own choice; one that never had any gets the version in force.
        """
        pointer = self._pointer()
        known = [entry for entry in pointer["history"] if entry["since"] <= str(run_date)]
        return _champion(known[-1], pointer) if known else self.champion()

    def scoring_version(self, name: str, first: date, run_date: date) -> Version | None:
        """The version of a ranker that scores on a date: the champion that a person put back, or its newest.

        One fitted before the first date is out of date; None where there is no other.
        """
        champion = self.champion_at(run_date)
        if champion and champion.is_pinned and champion.version.name == name and champion.version.run_date <= run_date:
            return champion.version
        return self.newest(name, first, run_date)

    def promote(self, version: Version, since: date, *, through_gate: bool = False) -> Champion:
        """Put a version in force from a run date on, unless a pinned one is; returns the one in force afterwards.

        The choice of a date before that of the one in force (a backfill of a past date) does not replace it. A
        promotion leaves what the date served until then in the history, so that there is a way back to it.
        """
        self._existing(version)
        with self._lock():
            pointer = self._pointer()
            history = pointer["history"]
            new = {
                "name": version.name,
                "run_date": str(version.run_date),
                "since": str(since),
                "is_promoted": through_gate,
            }
            if not pointer["is_pinned"] and (not history or history[-1]["since"] <= new["since"]):
                kept = [entry for entry in history if not _takes_the_place_of(new, entry)]
                self._write_pointer(_trimmed([*kept, new]), is_pinned=False)
        champion = self.champion()
        if champion is None:
            raise WarehouseError(f"{self.root / POINTER} is empty after a promotion; run again")
        return champion

    def rollback(self) -> Champion:
        """Put the previous champion back and pin it; raises WarehouseError where there is none.

        Of a champion that was promoted it is the one before its promotion, however many days that served; else the one
        of the day before.
        """
        with self._lock():
            earlier = _earlier(self._pointer()["history"])
            while earlier and not self._is_whole(_version(earlier[-1])):
                earlier = earlier[:-1]
            if not earlier:
                raise WarehouseError("there is no previous champion to go back to; `metro models` lists the versions")
            self._write_pointer(earlier, is_pinned=True)
        return _champion(earlier[-1], {"is_pinned": True})

    def unpin(self) -> None:
        """Let the next day's choice move the pointer again."""
        with self._lock():
            self._write_pointer(self._pointer()["history"], is_pinned=False)

    def _pointer(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.root / POINTER).read_text("utf-8"))
        except FileNotFoundError:
            return {"history": [], "is_pinned": False}
        except json.JSONDecodeError as error:
            raise WarehouseError(f"{self.root / POINTER} is damaged ({error}); delete it and run again") from error
        for entry in content["history"]:
            entry.setdefault("since", entry["run_date"])  # pointers of version 0.1.0 lack it
        return content

    def _write_pointer(self, history: list[dict[str, Any]], *, is_pinned: bool) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        temporary = self.root / f"{_TEMPORARY}{os.getpid()}-{POINTER}"
        _flush(temporary, json.dumps({"history": history, "is_pinned": is_pinned}, indent=2).encode())
        temporary.replace(self.root / POINTER)

    def _folder(self, version: Version) -> Path:
        return self.root / version.name / f"run_date={version.run_date}"

    def _is_whole(self, version: Version) -> bool:
        return (self._folder(version) / METADATA).exists()

    def _existing(self, version: Version) -> Path:
        folder = self._folder(version)
        if not self._is_whole(version):
            known = ", ".join(str(found.run_date) for found in self.versions(version.name)) or "none"
            raise WarehouseError(
                f"there is no {version.name} fitted for {version.run_date} (fitted: {known}); "
                f"fit it first: metro run --date {version.run_date}"
            )
        return folder

    def _lock(self) -> FileLock:
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / ".lock", timeout=60)


def _takes_the_place_of(new: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether a choice of the pointer's history is made again: of the same date, and not what a promotion replaces."""
    return bool(entry["since"] == new["since"] and (not new["is_promoted"] or entry["name"] == new["name"]))


def _earlier(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history before the choice in force; where that is a promoted algorithm's, before its promotion."""
    *earlier, standing = history or [{}]
    while standing.get("is_promoted") and earlier and _is_promoted_as(earlier[-1], standing):
        earlier = earlier[:-1]
    return earlier


def _is_promoted_as(entry: Mapping[str, Any], standing: Mapping[str, Any]) -> bool:
    return bool(entry.get("is_promoted") and entry["name"] == standing["name"])


def _trimmed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest entries; the first of them is the way back, should they all be of one promotion."""
    newest, before = history[-KEPT_CHAMPIONS:], _earlier(history)
    is_cut = len(history) - len(before) >= len(newest)
    return [before[-1], *newest[1:]] if before and is_cut else newest


def _champion(entry: Mapping[str, Any], pointer: Mapping[str, Any]) -> Champion:
    return Champion(_version(entry), bool(pointer["is_pinned"]), bool(entry.get("is_promoted")))


def _version(entry: Mapping[str, str]) -> Version:
    return Version(entry["name"], date.fromisoformat(entry["run_date"]))


def _flush(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
