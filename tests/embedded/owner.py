"""A process that owns or shares an embedded PostgreSQL, for tests that end it: owner.py <data directory>.

It prints one line of JSON when the server is ready, and stops in order when its standard input ends.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from trailcast.embedded import EmbeddedPostgres

with EmbeddedPostgres(Path(sys.argv[1]), parameters={"fsync": "off"}) as postgres:
    sys.stdout.write(json.dumps({"owner": postgres.owner, "url": postgres.url()}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
