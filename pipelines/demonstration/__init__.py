"""A demonstration that corpora built by this toolkit teach: the tiny model learns to hear, to read, to add, and to answer what is asked aloud.

Raw sources are made here (`sums`, `digits`, `words`, `pictures`), become corpora through their ordinary build (`corpora`), train one
model from random weights through stages that are data (`schedule`), and what it writes for data it never saw is scored (`evaluation`).
"""
