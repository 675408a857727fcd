"""One network per file; the file's name is its id. Shared pieces stand in `workflow/models/parts/`."""
