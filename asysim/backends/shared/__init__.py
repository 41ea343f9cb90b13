"""Real runs on one machine: threads or processes that share memory."""
