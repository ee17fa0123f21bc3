"""Updates from the template."""
