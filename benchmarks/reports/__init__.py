"""What was found, as tables, pictures and pages, held against targets."""
