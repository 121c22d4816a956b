"""Encoding: JSON documents and vectors to bytes, and bytes to compressed, checksummed bodies."""
