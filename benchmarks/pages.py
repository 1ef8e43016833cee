"""The pages of docs/benchmarks: a page per part, and a README that quotes the figures each of them starts with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import psutil

LIBRARIES = ("duckdb", "polars", "numpy", "lightgbm", "scikit-learn", "dagster", "fastapi", "uvicorn")
GIBIBYTE = 2**30
HEADLINE = ("| what | target | measured | met |", "|---|--:|--:|:-:|")
"""A page's figures that the README quotes are the rows of its first table with this head."""


MADE = "Made by "


class Figure(NamedTuple):
    """A measured figure beside its target; a figure without a target is neither met nor missed."""

    what: str
    target: str
    measured: str
    is_met: bool | None


class Heading(NamedTuple):
    """A part's name on the command line, the title of its page, and what the README says of it."""

    part: str
    title: str
    says: str


def headline(figures: Iterable[Figure]) -> str:
    """The table that a page starts with and the README quotes."""
    words = {True: "yes", False: "**no**", None: ""}
    rows = [f"| {what} | {target} | {measured} | {words[is_met]} |" for what, target, measured, is_met in figures]
    return "\n".join([*HEADLINE, *rows])


def write_page(folder: Path, heading: Heading, section: str, made_on: date) -> Path:
    """The page of a part: what was measured, under its title, machine, versions and command."""
    path = folder / f"{heading.part}.md"
    made = f"{MADE}`python -m benchmarks {heading.part}` on {made_on}, on {machine()}."
    path.write_text(f"# {heading.title}\n\n{made}\n\n{section.strip()}\n", encoding="utf-8")
    return path


def write_readme(folder: Path, headings: Iterable[Heading]) -> Path:
    """The README of the folder: targets beside figures, then the pages that are there and those that are not yet."""
    figures, pages = [], []
    for part, title, says in headings:
        path = folder / f"{part}.md"
        if not path.exists():
            pages.append(f"## {title}\n\n{says} Not measured yet.")
            continue
        text = path.read_text(encoding="utf-8")
        figures += [f"{row} [{part}]({part}.md) |" for row in _quoted_rows(text)]
        pages.append("\n\n".join([f"## [{title}]({part}.md)", says, *_quoted_paragraphs(text)]))
    path = folder / "README.md"
    path.write_text(_README.format(figures="\n".join(figures), pages="\n\n".join(pages)), encoding="utf-8")
    return path


def machine() -> str:
    """The machine and the versions that a figure depends on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    memory = psutil.virtual_memory().total / GIBIBYTE
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()}, {python}, {versions}"


def _processor() -> str:
    """Its name where the system tells it, else its architecture."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    return next(names, platform.machine())


def _quoted_rows(page: str) -> list[str]:
    lines = page.splitlines()
    if HEADLINE[0] not in lines:
        return []
    rows = lines[lines.index(HEADLINE[0]) + len(HEADLINE) :]
    return list(takewhile(lambda line: line.startswith("|"), rows))


def _quoted_paragraphs(page: str) -> list[str]:
    """How the page was made; and the first paragraph with a figure in bold, where no table of headline figures is."""
    paragraphs = page.split("\n\n")
    made = [paragraph for paragraph in paragraphs if paragraph.startswith(MADE)][:1]
    bold = [paragraph for paragraph in paragraphs if "**" in paragraph and not paragraph.startswith("|")][:1]
    return made if HEADLINE[0] in page else [*bold, *made]


_README = """# Speed

How long a morning takes, what it takes that for, how that grows, and how it compares. Written by `make bench`, which
makes every page anew in about two hours; `python -m benchmarks growth` makes one of them, `python -m benchmarks
--quick` a smoke run elsewhere. It needs 8 GiB of memory, 20 GB of disk under `warehouse/` (5 but for the peer), and a
quiet machine: a figure is worth what else ran beside it.

| what | target | measured | met | page |
|---|--:|--:|:-:|---|
{figures}

A measured figure is a median; in brackets are the least and the most of its repetitions.

{pages}
"""
