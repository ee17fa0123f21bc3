"""Programs that measure the gate itself. They belong to the template; a project made from it does not receive them."""
