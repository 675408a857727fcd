"""What figures share. No file here is a figure."""
