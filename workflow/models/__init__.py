"""Teacher and student networks, one per file of `architectures/`, and their inputs: graphs and batches of molecules."""
