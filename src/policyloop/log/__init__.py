"""Events to append-only truth: fsynced, checksummed, readable after any crash."""
