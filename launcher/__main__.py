"""`python -m launcher run` starts everything; `prepare` only makes the environment (`--dev`: with the test tools)."""

import os
import sys

from launcher import environment
from launcher.layout import Layout
from launcher.osuser import Trouble
from launcher.run import Run, sole


def main(words: list[str]) -> int:
    layout = Layout()
    # Where it is set, each process would compile all of the code again at each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        if words == ["run"]:
            with sole(layout):
                Run(layout).everything()
        elif words in (["prepare"], ["prepare", "--dev"]):
            environment.prepare(layout, dev="--dev" in words)
            if not layout.env_file.exists():
                layout.write_settings(layout.settings())
        else:
            sys.stderr.write("Use: python -m launcher run | prepare [--dev]\n")
            return 2
    except Trouble as trouble:
        sys.stderr.write(f"\n{trouble}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
