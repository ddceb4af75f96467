"""When the system has no thread to give: too many processes, too many tasks of a service, or too little memory."""

from typing import Final

#: What a person is told.
NO_THREAD: Final = "The system has no thread to give: too many processes run, or too little memory is left."


def is_no_thread(error: BaseException) -> bool:
    """Return whether *error* says so: Python has no class of its own for that."""
    return isinstance(error, RuntimeError) and str(error).startswith("can't start new thread")
