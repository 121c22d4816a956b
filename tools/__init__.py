"""Development tools: what is run in a checkout and never shipped."""
