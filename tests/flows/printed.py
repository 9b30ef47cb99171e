"""Lines of a document, run as they are printed there."""

import re
import subprocess

from tests.processes import Gateway

BLOCK = re.compile(r"<!-- api -->\n```sh\n(.*?)```", re.DOTALL)


def as_printed(page: str, gateway: Gateway) -> list[str]:
    """What each block of the page says, one after the other in one shell."""
    script = "\necho; echo '---'\n".join(BLOCK.findall(page))
    assert "http://localhost:8000" in script
    script = script.replace("http://localhost:8000", gateway.url)
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split("---\n")
