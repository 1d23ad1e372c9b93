"""Import and export: files of keys, and what they become."""
