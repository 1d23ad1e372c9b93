"""Leaked keys: their search in text, and their end."""
