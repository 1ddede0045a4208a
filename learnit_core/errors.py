"""The one exception this package raises for input that cannot be used."""


class LearnitError(ValueError):
    """Input that cannot be used. The message is one sentence: what, found, expected, where."""
