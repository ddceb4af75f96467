"""How hypothesis runs here: a busy machine is no bug, so no example has a deadline."""

from hypothesis import settings

settings.register_profile("omnimem", deadline=None)
settings.load_profile("omnimem")
