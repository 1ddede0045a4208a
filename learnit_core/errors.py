"""The one exception this package raises for input that cannot be used."""

from learnit_core import names


class LearnitError(ValueError):
    """Input that cannot be used. The message is one sentence: what, found, expected, where.

    Names in it come from files: what cannot be shown is replaced (:mod:`learnit_core.names`).
    """

    def __init__(self, message: object = ""):
        super().__init__(names.lines(message))

    def to_keep(self) -> "LearnitError":
        """Itself, without the calls that it came through: these hold all that they worked on, such as a file's content,
        as long as the error is there."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self
