"""RabbitMQ as the carrier of job notes. Only bootstrap imports it, as it needs a driver."""
