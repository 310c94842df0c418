"""What happened is told to a receiver outside: when, in which words, and over which connection."""
