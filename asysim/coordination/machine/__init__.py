"""What compiled coordination rules are made of: the memory's places, lists, actions, hooks."""
