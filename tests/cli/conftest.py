"""What the tests of `fleet` share."""

from tests.cli.run import fleet

__all__ = ["fleet"]
