"""Teacher and student networks: `graph` and `sparse` are their input, `architectures/` holds one network a file."""
