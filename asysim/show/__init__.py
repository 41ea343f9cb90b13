"""Pictures, tables and notebook displays. Nothing here computes what it shows."""
