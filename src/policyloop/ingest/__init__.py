"""Payload to event: what comes from outside is checked here, all faults at once, before anything else sees it. No I/O."""
