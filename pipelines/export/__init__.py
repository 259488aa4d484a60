"""A corpus in the formats that others read: Parquet and WebDataset, with a card, Croissant metadata and a manifest of checksums."""
