"""What may pass."""
