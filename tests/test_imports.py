"""The map of the house holds: imports point down."""

from importlinter.cli import lint_imports


def test_imports_point_down() -> None:
    assert lint_imports(no_cache=True, no_logo=True) == 0
