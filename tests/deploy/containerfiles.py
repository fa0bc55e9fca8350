"""Containerfiles as lists of instructions."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT

DEPLOY = ROOT / "deploy"
IMAGES = ("server", "collector", "agent")


@dataclass(frozen=True)
class Instruction:
    """One line: its word, and what follows it."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows as a list of words, in either form."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)


def path_of(image: str) -> Path:
    return DEPLOY / f"Containerfile.{image}"


def stages_of(image: str) -> list[list[Instruction]]:
    """Every stage of that image's file, each beginning with its FROM."""
    stages: list[list[Instruction]] = []
    for line in path_of(image).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append(Instruction(word, rest))
    return stages


def last(image: str, word: str) -> Instruction:
    """The one instruction of that word in the stage the image is made of."""
    [found] = [one for one in stages_of(image)[-1] if one.word == word]
    return found


def health_of(image: str) -> list[str]:
    """The words of the health check."""
    return json.loads(last(image, "HEALTHCHECK").rest.partition("CMD ")[2])
