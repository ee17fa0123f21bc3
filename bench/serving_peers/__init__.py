"""The servers that Slipway's service is measured against; each runs in a virtual environment of its own, from here."""
