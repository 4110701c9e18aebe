"""Coverage-guided fuzzing of everything that reads what others sent: `make fuzz MINUTES=1`."""
