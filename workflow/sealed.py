"""Files of results that carry a digest of their own content, so that nobody believes one that was edited."""

from __future__ import annotations

from typing import Self

from workflow.files import digest
from workflow.specs import Strict


class Sealed(Strict):
    """A model that is written `sealed`.

    Attributes:
        digest: of all else, as it was when it was sealed; "" before that.
    """

    digest: str = ""

    def sealed(self) -> Self:
        """The same with its digest."""
        return self.model_copy(update={"digest": digest(self.model_dump(mode="json", exclude={"digest"}))})

    @property
    def intact(self) -> bool:
        """Whether it is as it was when it was sealed."""
        return self == self.sealed()
