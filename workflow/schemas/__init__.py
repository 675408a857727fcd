"""What a configuration may hold: its models, and the JSON schema and the table of keys generated from them."""
