"""The HTTP shape of the services: decode, one call, encode."""
