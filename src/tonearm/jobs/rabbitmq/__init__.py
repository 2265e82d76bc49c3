"""RabbitMQ as the carrier of messages about jobs. Only ``bootstrap.servers`` imports it, as it needs a driver."""
