"""What the families of datasets share."""
