"""``python -m bigmodel``: the course's one command. This file alone must also parse on older Pythons."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit("bigmodel needs Python 3.11, 3.12, 3.13 or 3.14; this is Python " + sys.version.split()[0] + ".")

if __name__ == "__main__":
    from bigmodel.lab.shell import main

    sys.exit(main(sys.argv[1:]))
