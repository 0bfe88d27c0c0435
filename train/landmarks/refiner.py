"""`python -m train.landmarks.refiner`, the documented command: see `train.landmarks.__main__`."""

import sys

from train.landmarks.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
