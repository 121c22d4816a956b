"""What the tests lean on: servers, stores, proxies, and other stand-ins."""
