"""YAML text with positions -> a validated recipe; overrides; the JSON schema for editors."""
