"""The course's own command line."""

import sys

from anytime.course.building import main

if __name__ == "__main__":
    sys.exit(main())
