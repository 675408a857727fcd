"""What the losses over all pairs of nodes, edges or layers take in memory."""
