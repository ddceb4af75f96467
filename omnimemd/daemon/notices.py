"""What a person should know of the daemon's surroundings: sentences among the problems of `status` and `/health`."""


class Notices:
    """The notices of now, by what they are about. Used on the loop's thread alone."""

    def __init__(self) -> None:
        """Begin with none."""
        self._texts: dict[str, str] = {}

    def __call__(self) -> tuple[str, ...]:
        """Return the notices."""
        return tuple(self._texts.values())

    def put(self, about: str, text: str | None) -> None:
        """Say *text* of what it is *about* from now on, None: nothing."""
        self._texts.pop(about, None)
        if text is not None:
            self._texts[about] = text
