"""Data work: reading, finding duplicates, splitting. Needs core only."""
