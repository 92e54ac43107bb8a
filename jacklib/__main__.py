"""`python -m jacklib COMMAND`, which `bash script/run.sh` calls."""

import sys

from jacklib.cli.run import main, provide_streams

if __name__ == "__main__":
    provide_streams()
    sys.exit(main(sys.argv[1:]))
