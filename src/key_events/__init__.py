"""Everything that happens to a key or consumer as an event: from the table's stream to the record and the bus."""
