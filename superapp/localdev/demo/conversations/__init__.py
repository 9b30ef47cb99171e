"""What the demo people have been saying."""

from superapp.localdev.demo.conversations import chinese, english, french

DIRECT = [*english.DIRECT, *french.DIRECT, *chinese.DIRECT]
GROUPS = [*english.GROUPS, *french.GROUPS, *chinese.GROUPS]
