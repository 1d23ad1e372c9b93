"""API keys and consumers in the table: create, change, import, export, leak scanning, verification. No output."""
