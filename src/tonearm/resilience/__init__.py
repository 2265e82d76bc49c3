"""What keeps a service that is away from dragging down what does not need it."""
