"""One shape for every message about bad input: what, found, wanted, cure."""


class DataError(ValueError):
    """Bad input from a file or an argument.

    The message always names the file or argument, what was found there, what is wanted, and what
    the reader can do about it.
    """

    def __init__(self, what: str, *, found: str, wanted: str, cure: str):
        self.what, self.found, self.wanted, self.cure = what, found, wanted, cure
        super().__init__(f"{what}: found {found}, wanted {wanted}. {cure}")


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the place and the cure."""
