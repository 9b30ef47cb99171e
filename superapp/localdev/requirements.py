"""`make requirements`: pin what requirements*.in ask for, with hashes, for every supported platform and Python."""

import subprocess
import sys
from pathlib import Path

OPTIONS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header", "--quiet"]


def main(arguments: list[str]) -> int:
    uv = Path(sys.executable).with_name("uv")
    # In this order: the tools are constrained by what the product uses.
    for name in ("requirements", "requirements-dev"):
        command: list[str | Path] = [uv, "pip", "compile", f"{name}.in", "-o", f"{name}.txt", *OPTIONS, *arguments]
        if code := subprocess.run(command, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
