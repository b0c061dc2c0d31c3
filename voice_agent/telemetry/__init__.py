"""What is known about calls: figures per turn, metrics, logs."""
