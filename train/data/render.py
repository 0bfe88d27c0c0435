"""`python -m train.data.render`, the documented command: see `train.rendering.render`."""

import sys

from train.rendering.render import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
