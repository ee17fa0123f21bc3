"""What is learned. The one folder to replace for another model."""
