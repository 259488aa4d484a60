"""Looking into a corpus: rows and refusals by what was measured of them, where a row comes from and what became of it."""
