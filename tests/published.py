"""Where published tables lie in a development tree; tests that need them are skipped without."""

from pathlib import Path

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
