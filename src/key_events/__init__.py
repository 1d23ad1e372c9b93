"""Everything that happens to a key, consumer or subject as an event: from the table's stream to record and bus."""
