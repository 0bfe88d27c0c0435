"""`python -m tpgan_sdk` is `tpgan`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
