"""What was built, why rows were dropped, how every measurement is spread: figures of a corpus, and pages that show them."""
