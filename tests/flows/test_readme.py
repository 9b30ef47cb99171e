"""The README's conversation is run as it is printed there; only the port differs."""

import json
import re
import subprocess

from django.core.management import call_command

from superapp.localdev import places
from tests.processes import Gateway

BLOCK = re.compile(r"<!-- conversation -->\n```sh\n(.*?)```", re.DOTALL)


def test_conversation_by_hand_works_word_for_word(committed_db):
    blocks = BLOCK.findall((places.CLONE / "README.md").read_text())
    assert len(blocks) == 3
    call_command("seed", verbosity=0)
    with Gateway(committed_db) as gateway:
        script = "\necho '---'\n".join(blocks)
        assert "http://localhost:8000" in script
        script = script.replace("http://localhost:8000", gateway.url)
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    me, sent, read = run.stdout.split("---\n")
    assert json.loads(me)["handle"] == "ada"
    assert json.loads(sent)["body"] == {"text": "Tea at four?"}
    history, end = json.JSONDecoder().raw_decode(read)
    conversation = json.loads(read[end:])
    assert history["results"][-1]["body"] == {"text": "Tea at four?"}
    assert conversation["last_message"]["seq"] == json.loads(sent)["seq"]
    assert conversation["mine"]["unread"] >= 1
