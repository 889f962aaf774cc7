"""`python -m npadasoft` is the command `npadasoft`."""
import sys

from npadasoft.cli import main

if __name__ == "__main__":
    sys.exit(main())
