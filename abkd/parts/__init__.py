"""What ABKD, STRIDE and their variants are made of."""
