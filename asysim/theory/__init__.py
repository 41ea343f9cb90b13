"""What theory says: exact laws of queues and of staleness, to hold a schedule against."""
