"""The shape of a source file."""

import ast
from pathlib import Path

import pytest

from tests.contracts.checkout import ROOT, sources

#: A file is one idea; one that is longer has two.
MOST_LINES = 450


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_reexport(statement: ast.stmt) -> bool:
    """Whether a statement of an `__init__` only passes names on."""
    match statement:
        case ast.Expr(ast.Constant(str())) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name("__all__")]):
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            return all(map(is_reexport, statement.body))
        case ast.FunctionDef("__getattr__"):  # passes on what is loaded when it is first asked for
            return True
        case _:
            return False


def test_there_is_something_to_look_at() -> None:
    assert len(sources()) > 5


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_module_says_what_it_owns(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "no module docstring"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", [path for path in sources() if path.name == "__init__.py"], ids=name)
def test_a_package_only_reexports(path: Path) -> None:
    others = [ast.unparse(node) for node in ast.parse(path.read_text()).body if not is_reexport(node)]

    assert others == []


@pytest.mark.parametrize("path", [path for path in sources() if path.name == "__init__.py"], ids=name)
def test_a_package_that_reexports_lists_the_names(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    listed = [ast.unparse(node) for node in body if isinstance(node, ast.Assign)]

    assert bool(imports) == bool(listed), "a package with imports has an __all__, one without has none"
