"""The life of keys: records, store, consumers, import, leaks, verification. No terminal, and nothing is printed."""
