"""The `omnimem` command: what people and scripts say to the daemon. It knows the client, not the house."""
