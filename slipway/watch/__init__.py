"""What is known of the live release in production: drift, outcomes, new training data."""
