"""The job queue on RabbitMQ. Only ``bootstrap.servers`` imports it, because it needs the driver."""
