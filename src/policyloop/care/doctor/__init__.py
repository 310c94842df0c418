"""The doctor: why does a loop not learn? What a cause is, what causes look at, and how they are ranked."""
