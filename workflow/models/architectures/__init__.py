"""One network a file; the file's name is its id. Files that begin with `_` are shared parts."""
