"""The names of repositories as requests give them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portals.model import REPOSITORY_PATTERN

RepositoryName = Annotated[
    str,
    Field(pattern=REPOSITORY_PATTERN, description="A named inventory: a to z, digits, - and _."),
]
