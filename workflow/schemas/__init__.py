"""The JSON schema of a configuration, generated from workflow/specs.py."""
