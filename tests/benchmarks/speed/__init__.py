"""How long a training takes, against a plain PyG loop and between methods."""
