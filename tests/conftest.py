"""What every test has; fixtures of one floor live in that floor's own conftest."""

pytest_plugins = ["pytester", "tests.support.requirements"]
