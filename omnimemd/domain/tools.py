"""Coding tools, known by the names of their programs: what a session can be opened for that nobody asked for."""

from collections.abc import Iterable
from typing import Final

from omnimemd.domain.identity import Process, tool

#: Agents and editors, by the program that runs (`domain.identity.tool`).
KNOWN_TOOLS: Final = (
    *"claude codex gemini cursor-agent opencode aider goose amp crush copilot qwen".split(),
    *"code code-insiders codium vscodium cursor windsurf zed zed-editor zeditor sublime_text".split(),
    *"idea pycharm webstorm goland clion rubymine phpstorm rider rustrover studio".split(),
    *"vim vi nvim gvim emacs hx helix kak micro nano kate gedit gnome-text-editor geany".split(),
)


def run_of(ancestry: Iterable[Process]) -> Process | None:
    """Return the process that stands for a tool's whole run.

    A launcher, which may be a script, and what it launches, or an editor's many processes, are the same tool, each the
    parent of the next:
    the first of them lives as long as the run. A tool that another copy of itself began through a shell is a run of
    its own.

    Args:
        ancestry: one of the run's processes, then its parent and so on upwards; read only as far as needed.
    """
    outermost: Process | None = None
    for process in ancestry:
        if outermost is not None and tool(process) != tool(outermost):
            break
        outermost = process
    return outermost
