"""The unit and plist templates, for whoever installs omnimemd as a service.

In a checkout they live where people look for them, in `systemd/` and `launchd/` at its top; a wheel
carries them inside the package, as `omnimemd/templates/`. This module knows both places, so that nobody
else has to. It reads; it neither renders nor installs.
"""

from pathlib import Path

#: Every template there is, by the name `read_template` takes.
TEMPLATES = (
    "launchd/io.omnimem.omnimemd.plist",
    "systemd/omnimemd.service",
    "systemd/omnimemd.socket",
)

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_A_WHEEL = _PACKAGE / "templates"
_IN_A_CHECKOUT = _PACKAGE.parent


class TemplateNotFound(LookupError):
    """There is no such template; the message names those there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no template {name!r}; there are {', '.join(TEMPLATES)}")
        self.name = name


def read_template(name: str) -> str:
    """Return the text of one template, its `{{placeholders}}` not yet filled.

    Args:
        name: one of `TEMPLATES`, such as `systemd/omnimemd.service`.

    Raises:
        TemplateNotFound: *name* is none of them.
    """
    if name not in TEMPLATES:
        raise TemplateNotFound(name)
    folder = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_A_CHECKOUT
    return (folder / name).read_text(encoding="utf-8")
