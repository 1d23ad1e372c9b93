"""The documentation is tested like the code: its blocks, its links, its picture."""
