"""What `tests.bench.login` starts in namespaces of its own."""

from __future__ import annotations

import sys

from tests.bench.login import main

if __name__ == "__main__":
    sys.exit(main())
