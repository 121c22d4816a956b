"""Configuration: store URLs, the registry of backends, and their typed settings."""
