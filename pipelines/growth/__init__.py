"""Corpora that change after they are finished: they grow with their source, follow its recipe, are tidied, compacted and mixed."""
