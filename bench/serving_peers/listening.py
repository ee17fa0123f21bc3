"""Where a peer listens."""

import os

HOST, PORT = "127.0.0.1", int(os.environ["PORT"])
