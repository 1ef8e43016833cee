"""What a customer buys next: networks of purchase sequences beside habits and popularity, over the full catalogue."""
